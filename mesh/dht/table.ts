import type { LinkId } from '../peer.ts'
import type { Allowance } from './allowance.ts'
import { comparePoints, type Id, type Point, pointOf, sharedBits } from './id.ts'

/** The other end of an open link that has proven who it is. */
export interface Contact extends Point {
  readonly link: LinkId
  readonly openedMs: number
  /** Nodes that it says it is linked with: contacts that can be reached through it. */
  neighbours: readonly Point[]
  /** Nodes that it takes the network to have; undefined until it says so. */
  population: number | undefined
  /** What we may send on this link, so that its other end bears it. */
  readonly sending: Allowance
  readonly copying: Allowance
  /** Queries sent that nothing has come back for yet, however late it comes. */
  owed: number
  /** Queries sent that somebody was to answer, and how many came back; both fade. */
  asked: number
  answered: number
}

/** A network of which nothing is known. */
const SMALLEST_POPULATION = 2
/** The distance of this many nodes says how many there are. */
const SAMPLE = 12
/** Hex digits of a distance that fit a number exactly. */
const HEAD_DIGITS = 12
/** Queries before a link is judged, and the share of answers, of what links usually bring, that it has to bring. */
const TRIED = 8
const UNRELIABLE = 0.5

/**
 * Whom a node knows: its links, and the nodes that are linked with those. Both are seen in buckets by the number of leading
 * bits that they share with the node; buckets need no bounds of their own, for links and what each may name are few.
 */
export class RoutingTable {
  readonly #own: Point
  readonly #byLink = new Map<LinkId, Contact>()
  readonly #byId = new Map<Id, Contact>()
  /** Worked out when first asked for. */
  #population: number | undefined
  #ownPopulation: number | undefined
  #around: readonly Point[] | undefined
  #usualShare = 1

  constructor(own: Id) {
    this.#own = pointOf(own)
  }

  get size(): number {
    return this.#byLink.size
  }

  get contacts(): IterableIterator<Contact> {
    return this.#byLink.values()
  }

  add(contact: Contact): void {
    this.#byLink.set(contact.link, contact)
    this.#byId.set(contact.id, contact)
    this.#changed()
  }

  remove(link: LinkId): Contact | undefined {
    const contact = this.#byLink.get(link)
    if (contact === undefined) return undefined
    this.#byLink.delete(link)
    if (this.#byId.get(contact.id) === contact) this.#byId.delete(contact.id)
    this.#changed()
    return contact
  }

  on(link: LinkId): Contact | undefined {
    return this.#byLink.get(link)
  }

  of(id: Id): Contact | undefined {
    return this.#byId.get(id)
  }

  /** The other end is not linked with this node, whatever it said. */
  disbelieve(link: LinkId, id: Id): void {
    const contact = this.#byLink.get(link)
    if (contact === undefined || !contact.neighbours.some((other) => other.id === id)) return
    contact.neighbours = contact.neighbours.filter((other) => other.id !== id)
    this.#changed()
  }

  /** What the other end of a link says: whom it is linked with, and how many nodes there are. */
  heard(link: LinkId, neighbours: readonly Point[], population: number): void {
    const contact = this.#byLink.get(link)
    if (contact === undefined) return
    const isNear = this.#mattersNearby(contact.neighbours) || this.#mattersNearby(neighbours)
    contact.neighbours = neighbours
    contact.population = population
    if (isNear) this.#changed()
    else this.#population = undefined
  }

  #changed(): void {
    this.#population = undefined
    this.#ownPopulation = undefined
    this.#around = undefined
  }

  /** Whether one of these is, or would be, among the closest. */
  #mattersNearby(points: readonly Point[]): boolean {
    const last = this.#around?.[SAMPLE - 1]
    return last === undefined || points.some((point) => comparePoints(this.#own, point, last) <= 0)
  }

  /** Nodes that we are linked with, or that so many of those say they are linked with. */
  vouchedBy(witnesses: number): Set<Id> {
    const counts = new Map<Id, number>()
    for (const { neighbours } of this.#byLink.values())
      for (const { id } of neighbours) counts.set(id, (counts.get(id) ?? 0) + 1)
    const named = [...counts].flatMap(([id, count]) => (count >= witnesses ? [id] : []))
    return new Set([...this.#byId.keys(), ...named])
  }

  /** The closest nodes to ourselves that are known, SAMPLE at most. */
  get around(): readonly Point[] {
    this.#around ??= this.#closest(this.#own, SAMPLE)
    return this.#around
  }

  /** Known ids, links and their neighbours, closest first. */
  closest(target: Id, count: number): Id[] {
    return this.#closest(pointOf(target), count).map(({ id }) => id)
  }

  #closest(target: Point, count: number): Point[] {
    const best: Point[] = []
    const consider = (point: Point) => {
      const last = best[best.length - 1]
      if (best.length === count && last !== undefined && comparePoints(target, point, last) >= 0) return
      let at = best.length
      for (let other = best[at - 1]; other !== undefined; other = best[at - 1]) {
        const order = comparePoints(target, point, other)
        if (order === 0) return
        if (order > 0) break
        at--
      }
      best.splice(at, 0, point)
      if (best.length > count) best.pop()
    }
    for (const contact of this.#byLink.values()) {
      consider(contact)
      for (const point of contact.neighbours) consider(point)
    }
    return best
  }

  /** The `count` links whose other ends are closest. */
  closestLinks(target: Id, count: number): Contact[] {
    const goal = pointOf(target)
    return [...this.#byLink.values()].sort((a, b) => comparePoints(goal, a, b)).slice(0, count)
  }

  /** How many bits a node may share with ours before it is one of our closest few. */
  get depth(): number {
    return Math.max(1, Math.round(Math.log2(this.population)) - 2)
  }

  /** The bucket of an id; those who are closest of all share the last one. */
  bucketOf(id: Id): number {
    return Math.min(this.depth, sharedBits(this.#own.id, id))
  }

  /** Nodes in the network: what we see around us, or the links around themselves, whichever is in the middle. */
  get population(): number {
    this.#population ??= this.#estimate()
    return this.#population
  }

  /** What we see for ourselves, and tell others. */
  get ownPopulation(): number {
    this.#ownPopulation ??= this.#count()
    return this.#ownPopulation
  }

  #count(): number {
    const nearest = this.around
    const last = nearest[nearest.length - 1]
    if (last === undefined) return SMALLEST_POPULATION
    if (nearest.length < SAMPLE) return nearest.length + 1
    return Math.max(SMALLEST_POPULATION, Math.round(SAMPLE / distanceShare(this.#own.id, last.id)))
  }

  #estimate(): number {
    const said = [this.ownPopulation]
    for (const { population } of this.#byLink.values()) if (population !== undefined) said.push(population)
    said.sort((a, b) => a - b)
    return said[said.length >>> 1] ?? SMALLEST_POPULATION
  }

  /**
   * The link to pass a query on by: the one whose other end is, or says that it is linked with, the closest node.
   * @param closerThan only what is closer to the target than this; undefined for any
   */
  nextHop(target: Id, options: HopOptions): Contact | undefined {
    const goal = pointOf(target)
    return this.#bestHop(goal, options, false) ?? this.#bestHop(goal, options, true)
  }

  isUnreliable({ asked, answered }: Contact): boolean {
    return asked >= TRIED && answered < asked * this.#usualShare * UNRELIABLE
  }

  /** What came by this link was worth nothing. */
  blame(link: LinkId): void {
    const contact = this.#byLink.get(link)
    if (contact !== undefined) contact.answered = Math.max(0, contact.answered - 1)
  }

  /** Finds out how often queries that we pass on are answered, for links in the middle. */
  judge(): void {
    const shares: number[] = []
    for (const { asked, answered } of this.#byLink.values()) if (asked >= TRIED) shares.push(answered / asked)
    shares.sort((a, b) => a - b)
    this.#usualShare = shares[shares.length >>> 1] ?? 1
  }

  #bestHop(target: Point, { closerThan, careful, tried }: HopOptions, unreliable: boolean): Contact | undefined {
    let best: Contact | undefined
    let goal = closerThan === undefined ? undefined : pointOf(closerThan)
    for (const contact of this.#byLink.values()) {
      if (tried.includes(contact.link) || this.isUnreliable(contact) !== unreliable) continue
      const claim = careful ? contact : this.#closestThrough(contact, target, tried)
      const order = goal === undefined ? -1 : comparePoints(target, claim, goal)
      // Of two ways to the same node the direct one.
      if (order > 0 || (order === 0 && (best === undefined || claim !== contact))) continue
      best = contact
      goal = claim
    }
    return best
  }

  #closestThrough(contact: Contact, target: Point, tried: readonly LinkId[]): Point {
    let best: Point = contact
    for (const point of contact.neighbours) {
      if (comparePoints(target, point, best) >= 0) continue
      const known = this.#byId.get(point.id)
      if (known === undefined || !tried.includes(known.link)) best = point
    }
    return best
  }
}

export interface HopOptions {
  readonly closerThan: Id | undefined
  /** Only what a link has proven to be counts, not what it says about others. */
  readonly careful: boolean
  readonly tried: readonly LinkId[]
}

/** The distance of two ids as a share of the whole space. */
function distanceShare(a: Id, b: Id): number {
  const head = (id: Id, from: number) => Number.parseInt(id.slice(from, from + HEAD_DIGITS / 2), 16)
  const [high, low] = [0, HEAD_DIGITS / 2].map((from) => (head(a, from) ^ head(b, from)) >>> 0)
  const half = 16 ** (HEAD_DIGITS / 2)
  return Math.max(1, (high ?? 0) * half + (low ?? 0)) / (half * half)
}
