import type { Clock } from '../mesh/clock.ts'
import type { AnnounceOffer, OfferId } from '../mesh/tracker-messages.ts'
import type { TrackerPool } from '../mesh/tracker-pool.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { AnnouncedTracker } from './announced-tracker.ts'

/** A visitor's offer, as a tracker forwarded it. */
export interface IncomingOffer {
  readonly infoHash: InfoHash
  readonly from: PeerId
  readonly sdp: string
  /** Sends our answer the same way back. @returns false when that way is gone */
  reply(answerSdp: string): boolean
}

/** A visitor's answer to an offer of ours. */
export interface IncomingAnswer {
  readonly infoHash: InfoHash
  readonly from: PeerId
  readonly offerId: OfferId
  readonly sdp: string
}

/** What a tracker said to an announce. */
export interface TrackerAnswer {
  readonly infoHash: InfoHash
  /** Other peers of the swarm. */
  readonly others: number
  /** Those of them that lack something. */
  readonly lacking: number
  /** Those of them that are worth meeting: who lack something; all of them where we do. */
  readonly worthMeeting: number
  /** Has the tracker forward offers, each to one peer. @returns false when it cannot be reached any more */
  offer(offers: readonly AnnounceOffer[]): boolean
}

export interface AnnouncerOptions {
  readonly peerId: PeerId
  readonly clock: Clock
  readonly pool: TrackerPool
  readonly onOffer: (offer: IncomingOffer) => void
  readonly onAnswer: (answer: IncomingAnswer) => void
  /** Called once for each announce. */
  readonly onAnnounced: (answer: TrackerAnswer) => void
  /** A tracker was reached or lost, or refuses us. */
  readonly onTracker: (url: string, event: TrackerEvent) => void
}

export type TrackerEvent =
  | { readonly kind: 'up' }
  | { readonly kind: 'down' }
  | { readonly kind: 'refuses'; readonly reason: string }

/** What a tracker is told about a swarm. */
export interface AnnouncedSwarm {
  readonly infoHash: InfoHash
  /** Chunks that we cannot serve. */
  missing: number
  uploaded: number
  /** Whether we want of others what is missing. */
  seeks?: boolean
}

/**
 * Keeps trackers told of many swarms at the cost of one socket a tracker. Every swarm is announced to every tracker, so
 * that visitors find us whichever they have fallen over to.
 */
export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #trackers = new Map<string, AnnouncedTracker>()
  readonly #swarms = new Map<InfoHash, AnnouncedSwarm>()

  constructor(options: AnnouncerOptions) {
    this.#options = options
  }

  /** Whether each tracker is connected. */
  get trackers(): ReadonlyMap<string, boolean> {
    return new Map([...this.#trackers].map(([url, tracker]) => [url, tracker.isUp]))
  }

  /** Swarms that are announced. */
  get infoHashes(): InfoHash[] {
    return [...this.#swarms.keys()]
  }

  /** Announces to these trackers from now on, and to no others. @param urls absolute WebSocket URLs */
  setTrackers(urls: readonly string[]): void {
    for (const [url, tracker] of this.#trackers) {
      if (urls.includes(url)) continue
      this.#trackers.delete(url)
      tracker.close()
    }
    for (const url of urls) {
      if (this.#trackers.has(url)) continue
      const tracker = new AnnouncedTracker(url, this.#options)
      this.#trackers.set(url, tracker)
      for (const swarm of this.#swarms.values()) tracker.add(swarm)
    }
  }

  /** Announces a swarm, or changes what is said of it at the next announce. */
  add(swarm: AnnouncedSwarm): void {
    const known = this.#swarms.get(swarm.infoHash)
    if (known) {
      Object.assign(known, swarm)
      return
    }
    this.#swarms.set(swarm.infoHash, swarm)
    for (const tracker of this.#trackers.values()) tracker.add(swarm)
  }

  /** Announces a swarm at once, as it matters more than when it was announced last. */
  hurry(infoHash: InfoHash): void {
    for (const tracker of this.#trackers.values()) tracker.hurry(infoHash)
  }

  remove(infoHash: InfoHash): void {
    this.#swarms.delete(infoHash)
    for (const tracker of this.#trackers.values()) tracker.remove(infoHash)
  }

  /** Ends all sockets; for a tracker that is goodbye. */
  close(): void {
    for (const tracker of this.#trackers.values()) tracker.close()
    this.#trackers.clear()
    this.#swarms.clear()
  }
}
