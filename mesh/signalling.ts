import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Clock } from './clock.ts'
import { Connector, type MadeOffer } from './connector.ts'
import type { SwarmDriver } from './swarm-driver.ts'
import { encodeAnnounce, type OfferId, type TrackerMessage } from './tracker-messages.ts'
import { rendezvousOrder, type TrackerPool, type TrackerSubscription } from './tracker-pool.ts'
import type { Transport } from './transport.ts'

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
  /** Whether we offer connections; who does not only answers. By default always. */
  readonly isSeeking?: () => boolean
  /** Somebody waits for the first peer: some offers are made before it is known whether there is anybody to take them. */
  readonly isHurried?: boolean
  /** Peers that we are connected to; by default those of `driver`. */
  readonly met?: () => number
  /** `phase` changed, or `expected` for another reason than `driver`. */
  readonly onChange: () => void
}

/** `joining`: no tracker has answered yet. `down`: none can be reached. */
export type SignallingPhase = 'joining' | 'up' | 'down'

/** Connections that are offered in one announce: each costs an RTCPeerConnection until it is answered or expires. */
const MAX_OFFERS = 5
/** Likewise, before a tracker has told how many are worth making. */
const EARLY_OFFERS = 3
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

/** Finds the peers of one swarm through its tracker, and has connections made to them. */
export class Signalling {
  phase: SignallingPhase = 'joining'
  readonly #options: SignallingOptions
  readonly #trackers: readonly string[]
  readonly #connector: Connector
  #current = 0
  #failedInARow = 0
  #subscription: TrackerSubscription
  #generation = 0
  #cancelAnnounce: (() => void) | undefined
  #cancelResponse: (() => void) | undefined
  #cancelReturn: (() => void) | undefined
  #known = 0
  /** Offers that no tracker has been given yet. */
  #early: readonly MadeOffer[] = []
  /** The current tracker knows us. */
  #hasStarted = false
  #lonelyMs = FIRST_LONELY_MS
  #closed = false

  constructor(options: SignallingOptions) {
    this.#options = options
    this.#trackers = rendezvousOrder(options.announce, options.infoHash)
    this.#connector = new Connector({
      ...options,
      send: (text) => this.#subscription.send(text),
      changing: (change) => this.#expecting(change),
    })
    this.#subscription = this.#subscribe()
    if (options.isHurried && options.driver.swarm.missing > 0) void this.#offerEarly()
  }

  /** Says goodbye and ends everything that is not open yet. */
  close(): void {
    if (this.#closed) return
    this.#announce('stopped', [])
    this.#closed = true
    this.#cancelTimers()
    this.#subscription.leave()
    this.#connector.close()
  }

  /** Connections are wanted soon. */
  hurry(): void {
    this.#lonelyMs = FIRST_LONELY_MS
    if (this.phase === 'up' && this.#cancelAnnounce !== undefined) void this.#makeOffers(true)
  }

  /** Peers that the tracker knows of, or that are on their way, and have not greeted yet; at most the room for them. */
  get expected(): number {
    const { peers, links, room } = this.#options.driver.swarm
    const strangers = links - peers
    const unmet = Math.max(this.#known - this.#met, strangers + this.#connector.onTheWay)
    return Math.max(0, Math.min(unmet, strangers + room))
  }

  /** Tells when what is done here changes `expected`. */
  #expecting(change: () => void): void {
    const before = this.expected
    change()
    if (!this.#closed && this.expected !== before) this.#options.onChange()
  }

  #subscribe(): TrackerSubscription {
    const generation = ++this.#generation
    const isCurrent = () => !this.#closed && generation === this.#generation
    this.#hasStarted = false
    return this.#options.pool.subscribe(this.#trackers[this.#current] ?? '', this.#options.infoHash, {
      onOpen: () => isCurrent() && this.#start(),
      onMessage: (message) => isCurrent() && this.#onMessage(message),
      onDown: () => isCurrent() && this.#fallOver(),
    })
  }

  /** The first announce tells how many offers are worth making; it carries those that are there already. */
  #start(): void {
    this.#hasStarted = true
    this.#announce('started', this.#takeEarly())
  }

  async #offerEarly(): Promise<void> {
    this.#early = await this.#connector.makeOffers(EARLY_OFFERS)
    if (this.phase === 'up' && this.#known === 0) this.#connector.dropOffers()
    const early = this.#hasStarted ? this.#takeEarly() : []
    if (early.length > 0) this.#announce(undefined, early)
  }

  #takeEarly(): readonly MadeOffer[] {
    const early = this.#early.filter((offer) => this.#connector.isPending(offer))
    this.#early = []
    return early
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

  #announce(event: 'started' | 'stopped' | undefined, offers: readonly MadeOffer[]): void {
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
        void this.#connector.answer(message.peerId, message.offerId, message.sdp)
        break
      case 'answer':
        this.#connector.accept(message.peerId, message.offerId, message.sdp)
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
    if (this.#known === 0) this.#connector.dropOffers()
    if (first) void this.#makeOffers(false, this.#connector.offered)
  }

  /** Announces when the tracker wants it, or sooner when few of the peers that it knows are connected. */
  #announceLater(dueMs: number): void {
    const { clock } = this.#options
    this.#cancelAnnounce?.()
    const waitMs = Math.min(this.#lonelyMs, Math.max(0, dueMs - clock.now()))
    this.#lonelyMs = Math.min(LONELY_MS, 2 * this.#lonelyMs)
    this.#cancelAnnounce = clock.after(waitMs, () => {
      if (this.#isComplete) this.#connector.dropOffers() // nobody is left to take them
      const isLonely = this.#isSeeking && this.#met < Math.min(FEW_PEERS, this.#known)
      if (isLonely || clock.now() >= dueMs) void this.#makeOffers(true)
      else this.#announceLater(dueMs)
    })
  }

  #setPhase(phase: SignallingPhase): void {
    if (this.phase === phase) return
    this.phase = phase
    this.#options.onChange()
  }

  /**
   * @param regardless announce even when there is nobody to offer to
   * @param fewer offers that some of them have, or are about to
   */
  async #makeOffers(regardless: boolean, fewer = 0): Promise<void> {
    const generation = this.#generation
    const made = await this.#connector.makeOffers(Math.max(0, this.#offersWorthMaking() - fewer))
    if (!this.#closed && generation === this.#generation && (regardless || made.length > 0))
      this.#announce(undefined, made)
  }

  /** While somebody is missing: the tracker passes offers on at random, and whoever is connected already ignores them. */
  #offersWorthMaking(): number {
    if (this.#isComplete || !this.#isSeeking) return 0
    return Math.min(this.#known, this.#connector.roomForOffers, MAX_OFFERS)
  }

  /** Whether all are met that the tracker knows. */
  get #isComplete(): boolean {
    return this.#known <= this.#met + this.#connector.connecting
  }

  get #isSeeking(): boolean {
    return this.#options.isSeeking?.() ?? true
  }

  get #met(): number {
    const { met, driver } = this.#options
    return met?.() ?? driver.swarm.peers
  }

  #cancelTimers(): void {
    for (const cancel of [this.#cancelAnnounce, this.#cancelResponse, this.#cancelReturn]) cancel?.()
    this.#cancelAnnounce = undefined
    this.#cancelResponse = undefined
    this.#cancelReturn = undefined
  }
}
