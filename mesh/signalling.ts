import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Clock } from './clock.ts'
import type { SwarmDriver } from './swarm-driver.ts'
import { encodeAnnounce, encodeAnswer, type OfferId, type TrackerMessage } from './tracker-messages.ts'
import { rendezvousOrder, type TrackerPool, type TrackerSubscription } from './tracker-pool.ts'
import type { Link, Negotiation, Offer, Transport } from './transport.ts'

export interface SignallingOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  /** Absolute WebSocket URLs; not empty. */
  readonly announce: readonly string[]
  readonly clock: Clock
  readonly pool: TrackerPool
  readonly transport: Transport
  /** Receives the links. */
  readonly driver: Pick<SwarmDriver, 'addLink' | 'swarm'>
  readonly newOfferId: () => OfferId
  /** `phase` changed, or `expected` for another reason than `driver`. */
  readonly onChange: () => void
}

/** `joining`: no tracker has answered yet. `down`: none can be reached. */
export type SignallingPhase = 'joining' | 'up' | 'down'

/** Connections that are offered in one announce: each costs an RTCPeerConnection until it is answered or expires. */
const MAX_OFFERS = 5
/** Offers that others may make us a minute. */
const MAX_INCOMING = 60
const OFFER_LIFE_MS = 50_000
/** From the exchange of descriptions until the connection must be open. */
const CONNECT_MS = 20_000
const DEFAULT_INTERVAL_MS = 120_000
const SHORTEST_INTERVAL_MS = 5_000
const LONGEST_INTERVAL_MS = 10 * 60_000
/**
 * With fewer peers than FEW_PEERS while the tracker knows more, we ask sooner than it wants: first after the shorter
 * time, as those who start together hear of each other after they have made their offers, then after twice as long.
 */
const FIRST_LONELY_MS = 1_000
const LONELY_MS = 16_000
const FEW_PEERS = 5
/** A tracker that says nothing for this long after an announce is taken for lost. */
const RESPONSE_MS = 15_000
/** A swarm that had to move to another tracker looks for its own again after this long. */
const RETURN_MS = 5 * 60_000

interface PendingOffer {
  readonly offer: Offer
  readonly cancelExpiry: () => void
}

/** Finds the peers of one swarm through its tracker, and connects to them. */
export class Signalling {
  phase: SignallingPhase = 'joining'
  readonly #options: SignallingOptions
  readonly #trackers: readonly string[]
  readonly #pending = new Map<OfferId, PendingOffer>()
  /** Connections that are being made, and with whom. */
  readonly #connecting = new Map<Negotiation, PeerId>()
  #current = 0
  #failedInARow = 0
  #subscription: TrackerSubscription
  #generation = 0
  #cancelAnnounce: (() => void) | undefined
  #cancelResponse: (() => void) | undefined
  #cancelReturn: (() => void) | undefined
  #incoming = 0
  #incomingSinceMs = 0
  #answering = 0
  #known = 0
  #lonelyMs = FIRST_LONELY_MS
  #closed = false

  constructor(options: SignallingOptions) {
    this.#options = options
    this.#trackers = rendezvousOrder(options.announce, options.infoHash)
    this.#subscription = this.#subscribe()
  }

  /** Says goodbye and ends everything that is not open yet. */
  close(): void {
    if (this.#closed) return
    this.#announce('stopped', [])
    this.#closed = true
    this.#cancelTimers()
    this.#subscription.leave()
    for (const { offer, cancelExpiry } of this.#pending.values()) {
      cancelExpiry()
      offer.abandon()
    }
    this.#pending.clear()
    for (const negotiation of this.#connecting.keys()) negotiation.abandon()
    this.#connecting.clear()
  }

  /** Peers that the tracker knows of, or that are on their way, and have not greeted yet; at most the room for them. */
  get expected(): number {
    const { peers, links, room } = this.#options.driver.swarm
    const strangers = links - peers
    const unmet = Math.max(this.#known - peers, strangers + this.#connecting.size + this.#answering)
    return Math.max(0, Math.min(unmet, strangers + room))
  }

  /** Tells when what is done here changes `expected`. */
  #expecting(change: () => void): void {
    const before = this.expected
    change()
    if (!this.#closed && this.expected !== before) this.#options.onChange()
  }

  // The tracker

  #subscribe(): TrackerSubscription {
    const generation = ++this.#generation
    const isCurrent = () => !this.#closed && generation === this.#generation
    return this.#options.pool.subscribe(this.#trackers[this.#current] ?? '', this.#options.infoHash, {
      // The first announce carries no offers: it costs nothing, and tells how many are worth making.
      onOpen: () => isCurrent() && this.#announce('started', []),
      onMessage: (message) => isCurrent() && this.#onMessage(message),
      onDown: () => isCurrent() && this.#fallOver(),
    })
  }

  #fallOver(): void {
    this.#cancelTimers()
    if (++this.#failedInARow >= this.#trackers.length) this.#setPhase('down')
    if (this.#trackers.length > 1) this.#moveTo((this.#current + 1) % this.#trackers.length)
  }

  #moveTo(index: number): void {
    this.#subscription.leave()
    this.#current = index
    this.#subscription = this.#subscribe()
    this.#cancelReturn?.()
    this.#cancelReturn = undefined
    if (index !== 0) this.#cancelReturn = this.#options.clock.after(RETURN_MS, () => this.#moveTo(0))
  }

  #announce(event: 'started' | 'stopped' | undefined, offers: { offerId: OfferId; sdp: string }[]): void {
    const { infoHash, peerId, driver } = this.#options
    const { missing, uploaded } = driver.swarm
    const text = encodeAnnounce({
      infoHash,
      peerId,
      ...(event && { event }),
      uploaded,
      downloaded: 0,
      left: missing,
      offers,
    })
    if (!this.#subscription.send(text) || event === 'stopped') return
    this.#cancelResponse ??= this.#options.clock.after(RESPONSE_MS, () => {
      this.#cancelResponse = undefined
      this.#fallOver()
    })
  }

  #onMessage(message: TrackerMessage): void {
    switch (message.kind) {
      case 'announced':
        this.#announced(message.interval, message.peers)
        break
      case 'offer':
        void this.#answer(message.peerId, message.offerId, message.sdp)
        break
      case 'answer':
        this.#accept(message.peerId, message.offerId, message.sdp)
        break
      case 'failure':
      case 'nonsense':
        break
    }
  }

  #announced(interval: number | undefined, peers: number): void {
    this.#cancelResponse?.()
    this.#cancelResponse = undefined
    this.#failedInARow = 0
    this.#expecting(() => {
      this.#known = Math.max(0, peers - 1)
    })
    this.#setPhase('up')
    const first = this.#cancelAnnounce === undefined
    const askedMs = interval === undefined ? DEFAULT_INTERVAL_MS : interval * 1000
    const waitMs = Math.max(SHORTEST_INTERVAL_MS, Math.min(LONGEST_INTERVAL_MS, askedMs))
    this.#announceLater(this.#options.clock.now() + waitMs)
    if (first) void this.#makeOffers(false)
  }

  /** Announces when the tracker wants it, or sooner when few of the peers that it knows are connected. */
  #announceLater(dueMs: number): void {
    const { clock, driver } = this.#options
    this.#cancelAnnounce?.()
    const waitMs = Math.min(this.#lonelyMs, Math.max(0, dueMs - clock.now()))
    this.#lonelyMs = Math.min(LONELY_MS, 2 * this.#lonelyMs)
    this.#cancelAnnounce = clock.after(waitMs, () => {
      const { peers } = driver.swarm
      const isLonely = peers < FEW_PEERS && peers < this.#known
      if (isLonely || clock.now() >= dueMs) void this.#makeOffers(true)
      else this.#announceLater(dueMs)
    })
  }

  #setPhase(phase: SignallingPhase): void {
    if (this.phase === phase) return
    this.phase = phase
    this.#options.onChange()
  }

  // Connections

  /** @param regardless announce even when there is nobody to offer to */
  async #makeOffers(regardless: boolean): Promise<void> {
    const generation = this.#generation
    const offers = await Promise.all(Array.from({ length: this.#offersWorthMaking() }, () => this.#makeOffer()))
    const made = offers.filter((offer) => offer !== undefined)
    if (!this.#closed && generation === this.#generation && (regardless || made.length > 0))
      this.#announce(undefined, made)
  }

  /** While somebody is missing: the tracker passes offers on at random, and whoever is connected already ignores them. */
  #offersWorthMaking(): number {
    const isComplete = this.#known <= this.#options.driver.swarm.peers + this.#connecting.size
    return isComplete ? 0 : Math.max(0, Math.min(this.#known, this.#room - this.#pending.size, MAX_OFFERS))
  }

  get #room(): number {
    return this.#options.driver.swarm.room - this.#connecting.size - this.#answering
  }

  async #makeOffer(): Promise<{ offerId: OfferId; sdp: string } | undefined> {
    const offer = await this.#options.transport.offer().catch(() => undefined)
    if (offer === undefined || this.#closed) {
      offer?.abandon()
      return undefined
    }
    offer.opened.catch(() => undefined) // observed by whoever takes the answer
    const offerId = this.#options.newOfferId()
    const cancelExpiry = this.#options.clock.after(OFFER_LIFE_MS, () => {
      this.#pending.delete(offerId)
      offer.abandon()
    })
    this.#pending.set(offerId, { offer, cancelExpiry })
    return { offerId, sdp: offer.sdp }
  }

  #accept(peerId: PeerId, offerId: OfferId, sdp: string): void {
    const pending = this.#pending.get(offerId)
    if (pending === undefined) return
    this.#pending.delete(offerId)
    pending.cancelExpiry()
    this.#yieldTo(peerId)
    if (!this.#welcomes(peerId)) {
      pending.offer.abandon()
      return
    }
    pending.offer.accept(sdp)
    this.#expecting(() => void this.#connect(pending.offer, peerId, true))
  }

  /**
   * Both sides offered and answered each other at the same moment: the connection that the smaller peer id made is
   * kept, so that both give up the same one.
   */
  #yieldTo(peerId: PeerId): void {
    if (this.#options.peerId > peerId) return
    for (const [negotiation, other] of this.#connecting) {
      if (other !== peerId) continue
      this.#expecting(() => this.#connecting.delete(negotiation))
      negotiation.abandon()
    }
  }

  async #answer(peerId: PeerId, offerId: OfferId, offerSdp: string): Promise<void> {
    if (!this.#admitsOffer() || !this.#welcomes(peerId)) return
    this.#expecting(() => this.#answering++)
    const negotiation = await this.#options.transport.answer(offerSdp).catch(() => undefined)
    this.#expecting(() => {
      this.#answering--
      if (negotiation) this.#reply(negotiation, peerId, offerId)
    })
  }

  #reply(negotiation: Negotiation, peerId: PeerId, offerId: OfferId): void {
    negotiation.opened.catch(() => undefined)
    const { infoHash, peerId: own } = this.#options
    const text = encodeAnswer({ infoHash, peerId: own, toPeerId: peerId, offerId, sdp: negotiation.sdp })
    if (this.#closed || !this.#welcomes(peerId) || !this.#subscription.send(text)) negotiation.abandon()
    else void this.#connect(negotiation, peerId, false)
  }

  #welcomes(peerId: PeerId): boolean {
    if (this.#room <= 0 || !this.#options.driver.swarm.welcomes(peerId)) return false
    for (const other of this.#connecting.values()) if (other === peerId) return false
    return true
  }

  #admitsOffer(): boolean {
    const nowMs = this.#options.clock.now()
    if (nowMs - this.#incomingSinceMs >= 60_000) {
      this.#incomingSinceMs = nowMs
      this.#incoming = 0
    }
    return ++this.#incoming <= MAX_INCOMING
  }

  async #connect(negotiation: Negotiation, peerId: PeerId, initiator: boolean): Promise<void> {
    this.#connecting.set(negotiation, peerId)
    const cancelDeadline = this.#options.clock.after(CONNECT_MS, () => negotiation.abandon())
    const link: Link | undefined = await negotiation.opened.catch(() => undefined)
    cancelDeadline()
    this.#expecting(() => {
      this.#connecting.delete(negotiation)
      if (this.#closed) link?.close()
      else if (link) this.#options.driver.addLink(link, { initiator, peerId })
    })
  }

  #cancelTimers(): void {
    for (const cancel of [this.#cancelAnnounce, this.#cancelResponse, this.#cancelReturn]) cancel?.()
    this.#cancelAnnounce = undefined
    this.#cancelResponse = undefined
    this.#cancelReturn = undefined
  }
}
