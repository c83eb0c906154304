import {
  type AnnounceOffer,
  encodeAnnounce,
  encodeAnswer,
  type OfferId,
  type TrackerMessage,
} from '../mesh/tracker-messages.ts'
import type { TrackerSubscription } from '../mesh/tracker-pool.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { AnnouncedSwarm, AnnouncerOptions } from './announcer.ts'
import { Rota } from './rota.ts'

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

interface Announced {
  readonly swarm: AnnouncedSwarm
  readonly subscription: TrackerSubscription
  dueMs: number
  /** An announce waits for its answer. */
  isAsked: boolean
}

/** One tracker, and all swarms that it is told of. */
export class AnnouncedTracker {
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
