import { hasBit } from '../../protocol/wire/bitfield.ts'
import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import { Crowds } from './crowds.ts'
import { ID_BITS, type Id, idNear, nodeIdOf, sharedBits } from './id.ts'
import {
  type DirectQuery,
  FAILURE,
  isDelta,
  MAX_PROVIDERS,
  type Reply,
  type RoutedQuery,
  soughtKey,
} from './messages.ts'
import type { Origin, Post } from './post.ts'
import { isTimely, type ProviderRecord, RECORD_LIFE_S, recordText, toggle } from './record.ts'
import { type Held, type Offered, RecordStore } from './record-store.ts'
import type { RoutingTable } from './table.ts'
import { Tokens } from './tokens.ts'

/** Nodes that are to hold each record. */
export const REPLICAS = 20
/** What came by is kept for so long at most: it is not renewed, and its provider may be gone. */
const PATH_LIFE_MS = 10 * 60_000
/** A key that was asked for so often within the time is hot: its answers are kept where they come by. */
const HOT_ASKS = 3
const HOT_MS = 60_000
const MAX_HOT = 256
/** Records are renewed sooner than this: who has not done so is probably gone. */
const FRESH_S = 20 * 60
/** A record that changes more often is kept, but not handed on. */
const RESPREAD_MS = 40_000
/** Checks of records of others under way; more are passed over. */
const MAX_VERIFYING = 64
/** Links that have to name a provider before we take it that there is such a node: one alone may have made it up. */
const WITNESSES = 2
/** How much farther than we think right others may ask us to spread records, in bits. */
const REACH_SLACK = 1

type FindProviders = Extract<RoutedQuery, { method: 'find_providers' }>
type AddProvider = Extract<RoutedQuery, { method: 'add_provider' }>
type Announcer = NonNullable<FindProviders['announcer']>
type CopyProvider = Extract<DirectQuery, { method: 'copy_provider' }>
type Step = 'done' | 'passOn'

/** Keeps provider records, and answers for them. */
export class Registry {
  readonly #core: Core
  readonly #post: Post
  readonly #table: RoutingTable
  readonly #tokens: Tokens
  readonly #store = new RecordStore()
  readonly #crowds: Crowds
  /** What we provide ourselves. */
  readonly own = new Map<Id, ProviderRecord>()
  #asked = new Map<Id, number>()
  #askedSinceMs: number
  #verifying = 0

  constructor(core: Core, post: Post, table: RoutingTable) {
    this.#core = core
    this.#post = post
    this.#table = table
    this.#tokens = new Tokens(core)
    this.#crowds = new Crowds(core)
    this.#askedSinceMs = core.nowMs
  }

  get size(): number {
    return this.#store.size
  }

  /** Bits that a node shares with a key when about REPLICAS nodes do. */
  get reach(): number {
    return Math.max(0, Math.round(Math.log2(this.#table.population / REPLICAS)))
  }

  /** Anywhere among the nodes that keep records of a key. */
  pointNear(key: Id): Id {
    return idNear(key, Math.min(ID_BITS, this.reach), this.#core.options.randomBytes)
  }

  /** Records at hand: those with the chunk first. @param isCareful without those that merely came by */
  answer(key: Id, chunk: number | undefined, isCareful = false): ProviderRecord[] {
    const drawn = this.#drawn(key).filter(({ place }) => place !== 'path' || !isCareful)
    const records = drawn.map(({ record }) => record)
    const own = this.own.get(key)
    if (own !== undefined && isTimely(own, this.#core.wallS)) records.unshift(own)
    if (chunk !== undefined) records.sort((a, b) => Number(hasBit(b.bits, chunk)) - Number(hasBit(a.bits, chunk)))
    return records.slice(0, MAX_PROVIDERS)
  }

  /** At random, so that every way of a search brings others; those first that were renewed when they should be. */
  #drawn(key: Id): Held[] {
    const freshS = this.#core.wallS + RECORD_LIFE_S - FRESH_S
    const drawn = this.#store
      .of(key, this.#core.nowMs)
      .map((held) => ({ held, lot: this.#core.random() + (held.record.expires >= freshS ? 0 : 1) }))
      .sort((a, b) => a.lot - b.lot)
    const all = drawn.map(({ held }) => held)
    const vouched = this.#table.vouchedBy(WITNESSES)
    return inTurn(
      inTurn(all, ({ from }) => from),
      ({ place, provider }) => (vouched.has(provider) ? 'vouched' : place),
    )
  }

  /** @param isLast nobody is closer @returns whether the query is to be passed on */
  onFind(query: FindProviders, origin: Origin, isLast: boolean): Step {
    const key = soughtKey(query)
    const { announcer } = query
    if (announcer !== undefined) return this.#onAnnouncer(key, announcer, origin, isLast && query.key === undefined)
    const providers = this.answer(key, query.chunk, query.route.careful && !isLast)
    if (providers.length === 0 && !isLast) return 'passOn'
    this.#post.reply(origin, { hops: 0, at: this.#core.id, providers })
    return 'done'
  }

  /** At the node that gave the token; on the way there, a copy is left behind. */
  onAdd(query: AddProvider, from: LinkId, origin: Origin): Step {
    const { key, news, token, publicKey } = query
    const provider = nodeIdOf(publicKey, this.#core.options.sha256)
    const isHere = query.route.target === this.#core.id
    const base = isDelta(news) ? this.#store.get(key, provider) : undefined
    const record = isDelta(news) ? patched(base, news) : news
    if (!isHere) {
      if (record !== undefined) this.#keep(key, { provider, record, place: 'path', from })
      return 'passOn'
    }
    if (!this.#tokens.isGood(token, key, provider)) this.#post.fail(origin, FAILURE.badToken, 0)
    else if (record === undefined) this.#post.fail(origin, FAILURE.noBase, 0)
    else {
      const reach = this.#admissibleReach(query.reach)
      this.#keep(key, { provider, record, place: 'given', from }, (isNew) => {
        if (isNew) this.#spread(key, record, reach, from)
      })
      this.#post.reply(origin, { hops: 0, at: this.#core.id })
    }
    return 'done'
  }

  /** Goes no further: who makes up providers would have all that are near the key carry them on. */
  onCopy({ key, record, reach }: CopyProvider, from: LinkId): void {
    if (sharedBits(this.#core.id, key) < this.#admissibleReach(reach)) return
    const provider = nodeIdOf(record.publicKey, this.#core.options.sha256)
    this.#keep(key, { provider, record, place: 'told', from })
  }

  /** An answer that is passed back through here. */
  onPassedBack(query: RoutedQuery, { providers, scarce }: Reply, from: LinkId): void {
    if (query.method !== 'find_providers') return
    const key = soughtKey(query)
    if (scarce !== undefined && query.announcer !== undefined) this.#crowds.heard(key, scarce, from)
    if (providers === undefined || (this.#asked.get(key) ?? 0) < HOT_ASKS) return
    for (const record of providers) {
      const provider = nodeIdOf(record.publicKey, this.#core.options.sha256)
      this.#keep(key, { provider, record, place: 'path', from })
    }
  }

  onLinkClosed(link: LinkId): void {
    this.#store.forgetLink(link)
  }

  sweep(): void {
    this.#store.sweep(this.#core.nowMs)
  }

  #onAnnouncer(key: Id, announcer: Announcer, origin: Origin, isLast: boolean): Step {
    const { provider, reach, bits } = announcer
    const isHome = isLast || sharedBits(this.#core.id, key) >= this.#admissibleReach(reach)
    const held = isHome ? this.#store.of(key, this.#core.nowMs) : []
    const isKnown = held.some((one) => one.provider === provider)
    const scarce = isHome ? this.#crowds.scarceHere(key, held) : this.#crowds.scarceElsewhere(key)
    const at = this.#core.id
    if (scarce !== undefined && !isKnown && !overlaps(scarce, bits)) this.#post.reply(origin, { hops: 0, at, scarce })
    else if (isHome) this.#post.reply(origin, { hops: 0, at, token: this.#tokens.make(key, provider) })
    else return 'passOn'
    return 'done'
  }

  /** Verifies and stores. `then` hears whether it was new here. */
  #keep(key: Id, held: Offered, then: (isNew: boolean) => void = () => undefined): void {
    const { record, place } = held
    const { wallS } = this.#core
    if (held.provider === this.#core.id || !isTimely(record, wallS)) return
    if (this.#verifying >= MAX_VERIFYING || !this.#store.wouldKeep(key, held, this.#core.nowMs)) return
    const known = this.#store.get(key, held.provider)
    const isSame = known !== undefined && known.record.sequence === record.sequence
    const signed = { publicKey: record.publicKey, bytes: recordText(key, record), signature: record.signature }
    this.#verifying++
    this.#core.verify(signed, (good) => {
      this.#verifying--
      if (!good) return
      const { nowMs } = this.#core
      const leftMs = (record.expires - wallS) * 1000
      const untilMs = nowMs + (place === 'path' ? Math.min(PATH_LIFE_MS, leftMs) : leftMs)
      const lastMs = known?.spreadMs ?? Number.NEGATIVE_INFINITY
      const spreads = place === 'given' && (!isSame || known.place !== place) && nowMs - lastMs >= RESPREAD_MS
      const isKept = this.#store.put(key, { ...held, untilMs, spreadMs: spreads ? nowMs : lastMs }, nowMs)
      then(isKept && spreads)
    })
  }

  /** To all links near the key. */
  #spread(key: Id, record: ProviderRecord, reach: number, from: LinkId): void {
    const near = [...this.#table.contacts].filter(
      ({ link, id, copying }) => link !== from && sharedBits(id, key) >= reach && copying.take(1, this.#core.nowMs),
    )
    const links = near.map(({ link }) => link)
    this.#post.tell(links, { method: 'copy_provider', key, reach, record })
  }

  /** Nobody makes us spread records over more of the network than is right, as far as we know its size. */
  #admissibleReach(reach: number): number {
    return Math.max(reach, this.reach - REACH_SLACK)
  }

  /** To be called for every find_providers that comes by. */
  countAsk(key: Id): void {
    if (this.#core.nowMs - this.#askedSinceMs >= HOT_MS || this.#asked.size >= MAX_HOT) {
      this.#asked = new Map()
      this.#askedSinceMs = this.#core.nowMs
    }
    this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1)
  }
}

/** The first of each kind, then the second of each and so on: where there are many of one they do not hide the others. */
function inTurn<K>(all: readonly Held[], kindOf: (held: Held) => K): Held[] {
  const before = new Map<K, number>()
  const ranked = all.map((held) => {
    const kind = kindOf(held)
    const rank = before.get(kind) ?? 0
    before.set(kind, rank + 1)
    return { held, rank }
  })
  return ranked.sort((a, b) => a.rank - b.rank).map(({ held }) => held)
}

function overlaps(a: Uint8Array, b: Uint8Array): boolean {
  return b.some((byte, i) => (byte & (a[i] ?? 0)) !== 0)
}

/** The record that a delta leads to; undefined when it does not fit. */
function patched(
  base: Held | undefined,
  news: Extract<AddProvider['news'], { base: number }>,
): ProviderRecord | undefined {
  if (base === undefined || base.record.sequence !== news.base) return undefined
  const { sequence, expires, signature } = news
  const bits = toggle(base.record.bits, news.toggled)
  return bits && { publicKey: base.record.publicKey, sequence, expires, bits, signature }
}
