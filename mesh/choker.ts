import type { Session } from './session.ts'

export const RECHOKE_MS = 10_000
/** Every so many rounds the optimistic slot moves on (BEP 3: 30 s). */
const OPTIMISTIC_ROUNDS = 3

/** What the choice rests on, a peer. */
interface Candidate {
  readonly session: Session
  receivedBefore: number
}

/**
 * Decides whom we serve: those who gave us most since the last round, and one more in turn, so that newcomers can show
 * what they give and peers that want nothing from each other still share.
 */
export class Choker {
  readonly #slots: number
  readonly #random: () => number
  readonly #candidates = new Map<Session, Candidate>()
  #optimistic: Session | undefined
  #round = 0

  /** @param random from 0 to less than 1 */
  constructor(slots: number, random: () => number) {
    this.#slots = slots
    this.#random = random
  }

  add(session: Session): void {
    this.#candidates.set(session, { session, receivedBefore: 0 })
  }

  remove(session: Session): void {
    this.#candidates.delete(session)
    if (this.#optimistic === session) this.#optimistic = undefined
  }

  /** A new round. */
  rechoke(sharing: boolean): void {
    if (this.#round++ % OPTIMISTIC_ROUNDS === 0) this.#optimistic = undefined
    const ranked = this.#interested()
      .map((candidate) => ({ candidate, given: candidate.session.downloads.received - candidate.receivedBefore }))
      .sort((a, b) => b.given - a.given)
      .map(({ candidate }) => candidate.session)
    for (const candidate of this.#candidates.values()) candidate.receivedBefore = candidate.session.downloads.received
    const served = new Set(sharing ? ranked.slice(0, this.#slots) : [])
    if (sharing) this.#addOptimistic(served, ranked)
    if (sharing) this.#addSome(served, this.#newcomers())
    this.#apply(served)
  }

  /** Fills free slots at once, without taking any away but from those who lost interest. */
  fill(sharing: boolean): void {
    const interested = this.#interested().map(({ session }) => session)
    const served = new Set(sharing ? interested.filter((session) => !session.amChoking) : [])
    if (sharing) this.#addSome(served, [...interested, ...this.#newcomers()])
    this.#apply(served)
  }

  #interested(): Candidate[] {
    return [...this.#candidates.values()].filter(({ session }) => session.peerInterested)
  }

  /**
   * Those who have not said whether they want anything: given what is left, they can ask with their first words. Stock clients
   * may overlook that they are served before they are interested.
   */
  #newcomers(): Session[] {
    return [...this.#candidates.keys()].filter(({ isOurs, peerInterested }) => isOurs && peerInterested === undefined)
  }

  #addSome(served: Set<Session>, more: readonly Session[]): void {
    for (const session of more) if (served.size <= this.#slots) served.add(session)
  }

  #addOptimistic(served: Set<Session>, ranked: readonly Session[]): void {
    const left = ranked.filter((session) => !served.has(session))
    if (this.#optimistic === undefined || !left.includes(this.#optimistic))
      this.#optimistic = left[Math.floor(this.#random() * left.length)]
    if (this.#optimistic !== undefined) served.add(this.#optimistic)
  }

  #apply(served: ReadonlySet<Session>): void {
    for (const { session } of this.#candidates.values()) session.setChoking(!served.has(session))
  }
}
