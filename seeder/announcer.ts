import type { Clock } from '../mesh/clock.ts'
import {
  type AnnounceOffer,
  encodeAnnounce,
  encodeAnswer,
  type OfferId,
  type TrackerMessage,
} from '../mesh/tracker-messages.ts'
import type { TrackerPool, TrackerSubscription } from '../mesh/tracker-pool.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { Rota } from './rota.ts'

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

/** A tracker hears at most so many announces a second from us, however many swarms there are. */
const ANNOUNCES_PER_TURN = 25
const TURN_MS = 100
/** Where all is quiet, that many are enough. */
const IDLE_PER_SECOND = 5
/**
 * Visitors that came at the same time have offered to each other, and we hear nothing of them until they or we announce
 * again: swarms where somebody lacks something are asked about this often.
 */
const SOON_MS = 10_000
const DEFAULT_INTERVAL_MS = 120_000
const SHORTEST_INTERVAL_MS = SOON_MS
/** Trackers forget peers after some twenty minutes; none is left alone longer than this. */
const LONGEST_INTERVAL_MS = 10 * 60_000
const UNREACHABLE = 'unreachable'

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

interface Announced {
  readonly swarm: AnnouncedSwarm
  readonly subscription: TrackerSubscription
  dueMs: number
  /** An announce waits for its answer. */
  isAsked: boolean
}

class AnnouncedTracker {
  isUp = false
  readonly #url: string
  readonly #options: AnnouncerOptions
  readonly #swarms = new Map<InfoHash, Announced>()
  readonly #rota = new Rota<Announced>()
  #intervalMs = DEFAULT_INTERVAL_MS
  #nextTurn: { readonly atMs: number; readonly cancel: () => void } | undefined
  #lastReason: string | undefined

  constructor(url: string, options: AnnouncerOptions) {
    this.#url = url
    this.#options = options
  }

  add(swarm: AnnouncedSwarm): void {
    const { infoHash } = swarm
    const subscription = this.#options.pool.subscribe(this.#url, infoHash, {
      onOpen: () => this.#opened(),
      onMessage: (message) => this.#onMessage(message),
      onDown: () => this.#lost(),
    })
    const announced = { swarm, subscription, dueMs: 0, isAsked: false }
    this.#swarms.set(infoHash, announced)
    this.#rota.add(announced)
    this.#wake()
  }

  hurry(infoHash: InfoHash): void {
    const announced = this.#swarms.get(infoHash)
    if (announced === undefined) return
    this.#rota.delete(announced)
    this.#rota.add(announced)
    this.#wake()
  }

  remove(infoHash: InfoHash): void {
    const announced = this.#swarms.get(infoHash)
    if (announced === undefined) return
    this.#swarms.delete(infoHash)
    if (!this.#rota.isFresh(announced)) this.#announce(announced, 'stopped')
    this.#rota.delete(announced)
    announced.subscription.leave()
  }

  close(): void {
    this.#sleep()
    for (const { subscription } of this.#swarms.values()) subscription.leave()
    this.#swarms.clear()
  }

  /** Called for every swarm; the first call counts. */
  #opened(): void {
    if (this.isUp) return
    this.isUp = true
    this.#rota.restart()
    this.#options.onTracker(this.#url, { kind: 'up' })
    this.#wake()
  }

  /** Called for every swarm too. */
  #lost(): void {
    this.#sleep()
    if (!this.isUp && this.#lastReason === UNREACHABLE) return
    this.isUp = false
    this.#lastReason = UNREACHABLE
    this.#options.onTracker(this.#url, { kind: 'down' })
  }

  #onMessage(message: TrackerMessage): void {
    switch (message.kind) {
      case 'announced':
        this.#answered(message)
        return
      case 'offer':
        this.#offered(message)
        return
      case 'answer':
        this.#options.onAnswer({ ...message, from: message.peerId })
        return
      case 'failure':
        this.#refused(message.reason)
        return
      case 'nonsense':
        return
    }
  }

  #answered({ infoHash, interval, peers, lacking }: Extract<TrackerMessage, { kind: 'announced' }>): void {
    this.#lastReason = undefined
    if (interval !== undefined)
      this.#intervalMs = Math.max(SHORTEST_INTERVAL_MS, Math.min(LONGEST_INTERVAL_MS, interval * 1000))
    const announced = this.#swarms.get(infoHash)
    // Offers are answered like an announce; they must not lead to more.
    if (!announced?.isAsked) return
    announced.isAsked = false
    const { missing, seeks } = announced.swarm
    const others = Math.max(0, peers - 1)
    const lackingToo = Math.max(0, lacking - (missing > 0 ? 1 : 0))
    const worthMeeting = seeks ? others : lackingToo
    if (worthMeeting > 0) this.#rota.repeat(announced, 'soon', this.#options.clock.now() + SOON_MS)
    this.#wake()
    this.#options.onAnnounced({
      infoHash,
      others,
      lacking: lackingToo,
      worthMeeting,
      offer: (offers) => this.#announce(announced, undefined, offers),
    })
  }

  #refused(reason: string): void {
    if (this.#lastReason === reason) return
    this.#lastReason = reason
    this.#options.onTracker(this.#url, { kind: 'refuses', reason })
  }

  #offered({ infoHash, peerId: from, offerId, sdp }: Extract<TrackerMessage, { kind: 'offer' }>): void {
    this.#options.onOffer({ infoHash, from, sdp, reply: (answer) => this.#reply(infoHash, from, offerId, answer) })
  }

  #reply(infoHash: InfoHash, toPeerId: PeerId, offerId: OfferId, sdp: string): boolean {
    const text = encodeAnswer({ infoHash, peerId: this.#options.peerId, toPeerId, offerId, sdp })
    return this.#swarms.get(infoHash)?.subscription.send(text) ?? false
  }

  /** Announces what is due, so much of it as a turn allows, and comes back for the rest. */
  #turn(): void {
    this.#nextTurn = undefined
    const nowMs = this.#options.clock.now()
    for (let i = 0; i < ANNOUNCES_PER_TURN; i++) {
      const announced = this.#rota.next
      if (announced === undefined || announced.dueMs > nowMs) break
      if (!this.#announce(announced, this.#rota.isFresh(announced) ? 'started' : undefined)) return
      announced.isAsked = true
      this.#rota.repeat(announced, 'later', nowMs + this.#restMs)
    }
    this.#wake()
  }

  /** Until a swarm that nobody was waiting in is announced again: seldom where there are many. */
  get #restMs(): number {
    return Math.min(this.#intervalMs, Math.max(SOON_MS, (1000 * this.#rota.size) / IDLE_PER_SECOND))
  }

  #wake(): void {
    const { next } = this.#rota
    if (!this.isUp || next === undefined) return
    const nowMs = this.#options.clock.now()
    const atMs = Math.max(nowMs + TURN_MS, next.dueMs)
    if (this.#nextTurn && this.#nextTurn.atMs <= atMs) return
    this.#sleep()
    this.#nextTurn = { atMs, cancel: this.#options.clock.after(atMs - nowMs, () => this.#turn()) }
  }

  #sleep(): void {
    this.#nextTurn?.cancel()
    this.#nextTurn = undefined
  }

  #announce(
    { swarm, subscription }: Announced,
    event: 'started' | 'stopped' | undefined,
    offers: readonly AnnounceOffer[] = [],
  ): boolean {
    const { infoHash, uploaded, missing: left } = swarm
    const { peerId } = this.#options
    return subscription.send(
      encodeAnnounce({ infoHash, peerId, ...(event && { event }), uploaded, downloaded: 0, left, offers }),
    )
  }
}
