import type { Core } from './core.ts'
import type { Dials } from './dials.ts'
import { compareDistance, ID_BITS, type Id, idInBucket, sharedBits } from './id.ts'
import type { RoutedQuery } from './messages.ts'
import type { Paths } from './paths.ts'
import type { Contact, RoutingTable } from './table.ts'

type Signal = Extract<RoutedQuery, { method: 'signal' }>

/** Links that the DHT wants when nobody says otherwise. */
export const LINKS = 12
/** Closest nodes of all, with whom a link is always wanted. */
const NEAREST = 3
/** Links that a node takes beyond those it wants, and more from those who are close, until it has found out which to give up. */
const SLACK = 2
const NEAR_SLACK = 4
/** With so many fewer than it wants it is content: links that others want come by themselves. */
const CONTENT = 1
/** How often links are looked after, and at first. */
const CARE_MS = 4_000
const EAGER_MS = 500
/** Links below which the next ones are urgent. */
const FEW_LINKS = 4
/** Dials under way. */
const MAX_DIALS = 3
const MAX_EAGER_DIALS = 6
/** A dial that came to nothing is not tried again for this time. */
const REST_MS = 30_000
const MAX_RESTING = 64
/** After a link that nobody wanted to make, and twice as long after each further one. */
const BUCKET_REST_MS = 2_000
const MAX_FAILURES = 6
/** A new link is not given up at once. */
const GRACE_MS = 8_000
/** How often we look for closer nodes than we know of. */
const LOOK_AROUND_MS = 10 * 60_000
const LOOK_HOPS = 16
/** Without links we say that we are lonely at once, with few after a while; and again this often. */
const PATIENCE_MS = 15_000
const LONELY_MS = 15_000

/** Decides which links there should be: the closest nodes, and one or two in every bucket. */
export class Keeper {
  readonly #core: Core
  readonly #table: RoutingTable
  readonly #dials: Dials
  readonly #paths: Paths
  readonly #links: number
  /** Whom not to dial before a time. */
  readonly #resting = new Map<Id, number>()
  /** Closest nodes that a search has brought. */
  #around: readonly Id[] = []
  #careMs: number
  #lookMs = Number.NEGATIVE_INFINITY
  /** When there were last enough links. */
  #contentMs: number
  #lonelyMs = Number.NEGATIVE_INFINITY
  #failedInARow = 0
  #bucketRestMs = Number.NEGATIVE_INFINITY

  constructor(core: Core, table: RoutingTable, dials: Dials, paths: Paths) {
    this.#core = core
    this.#table = table
    this.#dials = dials
    this.#paths = paths
    this.#links = core.options.links ?? LINKS
    this.#careMs = core.nowMs
    this.#contentMs = core.nowMs
  }

  get wakeMs(): number {
    return this.#careMs
  }

  /** Whether an offer of this node is welcome. */
  admits(from: Id): boolean {
    if (from === this.#core.id || this.#table.of(from) !== undefined || this.#core.isOutcast(from)) return false
    const taken = this.#table.size + this.#dials.pending
    if (taken < this.#links + SLACK) return true
    return taken < this.#links + NEAR_SLACK && this.#isNear(from)
  }

  /** Whether an offer that is not for one node alone may be for us. */
  matches({ route, match }: Signal): boolean {
    return match < ID_BITS && sharedBits(this.#core.id, route.target) >= match
  }

  /** A link was proven, or lost: look again soon. */
  onChange(): void {
    this.#careMs = Math.min(this.#careMs, this.#core.nowMs + EAGER_MS * this.#core.random())
  }

  tick(): Contact | undefined {
    const { nowMs } = this.#core
    if (nowMs < this.#careMs) return undefined
    const isEager = this.#table.size < this.#links / 2
    this.#careMs = nowMs + this.#core.jittered(isEager ? EAGER_MS : CARE_MS)
    this.#table.judge()
    this.#sayLonely()
    if (this.#table.size === 0) return undefined
    this.#lookAround()
    this.#dialNearest()
    this.#dialBuckets()
    return this.#surplus()
  }

  /** Somebody who has only links with liars is told of nobody else by them. */
  #sayLonely(): void {
    const { nowMs } = this.#core
    if (this.#table.size >= FEW_LINKS) this.#contentMs = nowMs
    if (this.#table.size > 0 && nowMs - this.#contentMs < PATIENCE_MS) return
    if (nowMs - this.#lonelyMs < LONELY_MS) return
    this.#lonelyMs = nowMs
    this.#core.emit({ kind: 'lonely' })
  }

  /** Asks the network who is closest to us. */
  #lookAround(): void {
    if (this.#core.nowMs - this.#lookMs < LOOK_AROUND_MS) return
    this.#lookMs = this.#core.nowMs + this.#core.jittered(LOOK_AROUND_MS) - LOOK_AROUND_MS
    this.#paths.start({
      aim: () => this.#core.id,
      width: 2,
      most: 4,
      hops: LOOK_HOPS,
      hedgeMs: 1_000,
      query: (route) => ({ method: 'find_node', route }),
      onReply: ({ nodes, at }, judge) => {
        const all = [...this.#around, ...(nodes ?? []), ...(at === undefined ? [] : [at])]
        const others = [...new Set(all)].filter((id) => id !== this.#core.id)
        this.#around = others.sort((a, b) => compareDistance(this.#core.id, a, b)).slice(0, 2 * NEAREST)
        this.onChange()
        judge(nodes !== undefined && nodes.length > 0)
      },
      onEnd: () => undefined,
    })
  }

  #dialNearest(): void {
    const known = [...this.#table.around.slice(0, 2 * NEAREST).map(({ id }) => id), ...this.#around]
    const nearest = [...new Set(known)].sort((a, b) => compareDistance(this.#core.id, a, b)).slice(0, NEAREST)
    for (const id of nearest) {
      if (this.#table.of(id) !== undefined || this.#dials.isPending(id) || this.#rests(id)) continue
      if (this.#core.isOutcast(id)) continue
      if (!this.#mayDial) return
      this.#dials.dial({ target: id, match: ID_BITS }, (opened) => {
        if (opened !== undefined) return
        this.#rest(id)
        this.#around = this.#around.filter((other) => other !== id)
      })
    }
  }

  #dialBuckets(): void {
    const { nowMs } = this.#core
    const isUrgent = this.#table.size < FEW_LINKS
    if (!isUrgent && nowMs < this.#bucketRestMs) return
    // Where all are linked with us there is nobody to make an offer to, and offers are dear.
    const strangers = this.#table.ownPopulation - 1 - this.#table.size
    const missing = Math.min(strangers, this.#links - CONTENT - this.#table.size) - this.#dials.pending
    for (let i = isUrgent ? missing : Math.min(1, missing); i > 0 && this.#mayDial; i--) {
      const bucket = this.#emptiestBucket()
      const target = idInBucket(this.#core.id, bucket, this.#core.options.randomBytes)
      this.#dials.dial({ target, match: bucket + 1 }, (opened) => {
        this.#failedInARow = opened === undefined ? Math.min(MAX_FAILURES, this.#failedInARow + 1) : 0
        const restMs = BUCKET_REST_MS * (2 ** this.#failedInARow - 1)
        this.#bucketRestMs = this.#core.nowMs + this.#core.jittered(restMs)
      })
    }
  }

  /** One of those with the fewest links, among the buckets that are not filled by the nearest alone. */
  #emptiestBucket(): number {
    const counts = this.#countBuckets()
    const fewest = Math.min(...counts)
    const candidates = counts.flatMap((count, bucket) => (count === fewest ? [bucket] : []))
    return candidates[Math.floor(this.#core.random() * candidates.length)] ?? 0
  }

  #countBuckets(): number[] {
    const counts = new Array<number>(this.#table.depth).fill(0)
    for (const { id } of this.#table.contacts) {
      const bucket = sharedBits(this.#core.id, id)
      if (bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + 1
    }
    return counts
  }

  /** The link to give up, when there are too many: from the fullest bucket one that fails, or the youngest. */
  #surplus(): Contact | undefined {
    if (this.#table.size <= this.#links + SLACK) return undefined
    const nearest = this.#table.closestLinks(this.#core.id, NEAREST + 1)
    const counts = this.#countBuckets()
    let victim: Contact | undefined
    let fullness = 0
    for (const contact of this.#table.contacts) {
      if (nearest.includes(contact) || this.#core.nowMs - contact.openedMs < GRACE_MS) continue
      const isFailing = this.#table.isUnreliable(contact)
      const count = (counts[sharedBits(this.#core.id, contact.id)] ?? 1) + (isFailing ? this.#links : 0)
      if (victim !== undefined && (count < fullness || (count === fullness && contact.openedMs < victim.openedMs)))
        continue
      victim = contact
      fullness = count
    }
    return victim
  }

  /** Whether it would be one of our closest links. */
  #isNear(id: Id): boolean {
    const last = this.#table.closestLinks(this.#core.id, NEAREST + 1).at(-1)
    return last === undefined || compareDistance(this.#core.id, id, last.id) < 0
  }

  get #mayDial(): boolean {
    return this.#dials.pending < (this.#table.size < FEW_LINKS ? MAX_EAGER_DIALS : MAX_DIALS)
  }

  #rest(id: Id): void {
    if (this.#resting.size >= MAX_RESTING) this.#resting.clear()
    this.#resting.set(id, this.#core.nowMs + REST_MS)
  }

  #rests(id: Id): boolean {
    const untilMs = this.#resting.get(id)
    if (untilMs === undefined) return false
    if (untilMs > this.#core.nowMs) return true
    this.#resting.delete(id)
    return false
  }
}
