import type { Core } from './core.ts'
import type { Id } from './id.ts'
import type { Reply } from './messages.ts'
import type { Paths } from './paths.ts'
import {
  type ProviderRecord,
  RECORD_LIFE_S,
  type RecordDelta,
  recordText,
  toggledBetween,
  trimmedBits,
} from './record.ts'
import type { Registry } from './registry.ts'

/** Records are renewed well before they expire, and sooner when what we hold has changed. */
const RENEW_MS = 15 * 60_000
const CHANGED_MS = 60_000
/** Where there are enough providers we ask again after this time. */
const CROWDED_MS = 30 * 60_000
/** After a failure; it doubles with each one. The first is mostly that of a node which has no links yet. */
const RETRY_MS = 2_500
const MAX_RETRIES = 8
/** Nodes that are asked to spread a record. */
const WIDTH = 3
const MOST = 6
const HOPS = 16
const HEDGE_MS = 1_500
/** Keys that one node provides. */
export const MAX_PROVIDED = 256

interface Provision {
  readonly key: Id
  bits: Uint8Array
  /** What was spread last, and which nodes have it. */
  spread: ProviderRecord | undefined
  spreadBy: readonly Id[]
  nextMs: number
  failures: number
  busy: boolean
}

/** Where a record may be left, and the token for it. */
interface Permit {
  readonly at: Id
  readonly token: Uint8Array
}

/** Keeps our own records in the network. */
export class Announcer {
  readonly #core: Core
  readonly #paths: Paths
  readonly #registry: Registry
  readonly #provisions = new Map<Id, Provision>()
  /** Nothing is due before. */
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(core: Core, paths: Paths, registry: Registry) {
    this.#core = core
    this.#paths = paths
    this.#registry = registry
  }

  get wakeMs(): number {
    return this.#wakeMs
  }

  /** @param held chunks of the region that we provide, in wire order; none: we cease to */
  provide(key: Id, held: Uint8Array): void {
    const bits = trimmedBits(held)
    const known = this.#provisions.get(key)
    if (bits.length === 0) {
      this.#provisions.delete(key)
      this.#registry.own.delete(key)
    } else if (known === undefined) {
      if (this.#provisions.size >= MAX_PROVIDED) return
      const nextMs = this.#core.nowMs
      this.#provisions.set(key, { key, bits, spread: undefined, spreadBy: [], nextMs, failures: 0, busy: false })
    } else if (toggledBetween(known.bits, bits)?.length !== 0) {
      known.bits = bits
      known.nextMs = Math.min(known.nextMs, this.#core.nowMs + this.#core.jittered(CHANGED_MS))
    }
    this.#schedule()
  }

  tick(): void {
    if (this.#core.nowMs < this.#wakeMs) return
    for (const provision of this.#provisions.values())
      if (!provision.busy && provision.nextMs <= this.#core.nowMs) this.#renew(provision)
    this.#schedule()
  }

  #schedule(): void {
    this.#wakeMs = Number.POSITIVE_INFINITY
    for (const { busy, nextMs } of this.#provisions.values()) if (!busy) this.#wakeMs = Math.min(this.#wakeMs, nextMs)
  }

  #renew(provision: Provision): void {
    provision.busy = true
    const { key } = provision
    const bits = provision.bits
    const sequence = Math.max(this.#core.wallS, (this.#registry.own.get(key)?.sequence ?? 0) + 1)
    const draft = { publicKey: this.#core.options.publicKey, sequence, expires: this.#core.wallS + RECORD_LIFE_S, bits }
    this.#core.sign(recordText(key, draft), (signature) => {
      if (this.#provisions.get(key) !== provision) return
      const record = { ...draft, signature }
      this.#registry.own.set(key, record)
      this.#seekPermits(provision, record)
    })
  }

  /** Finds nodes near the key that would keep the record. */
  #seekPermits(provision: Provision, record: ProviderRecord): void {
    const permits: Permit[] = []
    let isCrowded = false
    const { key } = provision
    const announcer = { provider: this.#core.id, reach: this.#registry.reach, bits: record.bits }
    this.#paths.start({
      // All but one of the nodes are any that are near enough: who has made ids next to the key has them nowhere else.
      aim: (way) => (way % 3 === 0 ? key : this.#registry.pointNear(key)),
      width: WIDTH,
      most: MOST,
      hops: HOPS,
      hedgeMs: HEDGE_MS,
      query: (route) => ({ method: 'find_providers', route, ...(route.target !== key && { key }), announcer }),
      onReply: ({ at, token, scarce }: Reply, judge) => {
        isCrowded ||= scarce !== undefined
        if (at !== undefined && token !== undefined) permits.push({ at, token })
        judge(scarce !== undefined || token !== undefined)
      },
      onEnd: () => this.#useAll(provision, record, permits, isCrowded),
    })
  }

  #useAll(provision: Provision, record: ProviderRecord, permits: readonly Permit[], isCrowded: boolean): void {
    let open = permits.length
    const kept: Id[] = []
    const settle = () => {
      if (open === 0) this.#over(provision, record, kept, isCrowded)
    }
    settle()
    for (const permit of permits)
      this.#use(provision, record, permit, (isKept) => {
        if (isKept) kept.push(permit.at)
        open--
        settle()
      })
  }

  /** Leaves the record, or what is new in it, with a node that gave a token. */
  #use(provision: Provision, record: ProviderRecord, permit: Permit, done: (isKept: boolean) => void): void {
    const delta = provision.spreadBy.includes(permit.at) ? deltaTo(provision.spread, record) : undefined
    this.#add(provision.key, record, delta ?? record, permit, (isKept) => {
      if (isKept || delta === undefined) done(isKept)
      else this.#add(provision.key, record, record, permit, done)
    })
  }

  #add(
    key: Id,
    { publicKey }: ProviderRecord,
    news: ProviderRecord | RecordDelta,
    { at, token }: Permit,
    done: (isKept: boolean) => void,
  ): void {
    const { reach } = this.#registry
    let isKept = false
    this.#paths.start({
      aim: () => at,
      width: 1,
      most: 2,
      hops: HOPS,
      hedgeMs: HEDGE_MS,
      query: (route) => ({ method: 'add_provider', route, key, token, reach, publicKey, news }),
      onReply: (reply, judge) => {
        isKept ||= reply.at === at
        judge(isKept)
      },
      onEnd: () => done(isKept),
    })
  }

  #over(provision: Provision, record: ProviderRecord, kept: readonly Id[], isCrowded: boolean): void {
    provision.busy = false
    const { nowMs } = this.#core
    if (kept.length > 0) {
      provision.spread = record
      provision.spreadBy = kept
    }
    if (kept.length > 0 || isCrowded) {
      provision.failures = 0
      provision.nextMs = nowMs + this.#core.jittered(kept.length > 0 ? RENEW_MS : CROWDED_MS)
    } else {
      provision.failures = Math.min(MAX_RETRIES, provision.failures + 1)
      provision.nextMs = nowMs + this.#core.jittered(RETRY_MS * 2 ** (provision.failures - 1))
    }
    if (provision.bits !== record.bits)
      provision.nextMs = Math.min(provision.nextMs, nowMs + this.#core.jittered(CHANGED_MS))
    this.#schedule()
  }
}

function deltaTo(before: ProviderRecord | undefined, { bits, ...rest }: ProviderRecord): RecordDelta | undefined {
  const toggled = before && toggledBetween(before.bits, bits)
  if (before === undefined || toggled === undefined) return undefined
  const { sequence, expires, signature } = rest
  return { base: before.sequence, sequence, expires, toggled, signature }
}
