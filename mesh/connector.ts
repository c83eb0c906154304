import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Clock } from './clock.ts'
import type { SwarmDriver } from './swarm-driver.ts'
import { encodeAnswer, type OfferId } from './tracker-messages.ts'
import type { Link, Negotiation, Offer, Transport } from './transport.ts'

export interface ConnectorOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly clock: Clock
  readonly transport: Transport
  /** Receives the links. */
  readonly driver: Pick<SwarmDriver, 'addLink' | 'swarm'>
  readonly newOfferId: () => OfferId
  /** Sends a text to the tracker. @returns whether it could be sent */
  readonly send: (text: string) => boolean
  /** Runs what changes `onTheWay`. */
  readonly changing: (change: () => void) => void
}

/** An offer as an announce carries it. */
export interface MadeOffer {
  readonly offerId: OfferId
  readonly sdp: string
}

/** Offers that others may make us a minute. */
const MAX_INCOMING = 60
const OFFER_LIFE_MS = 50_000
/** From the exchange of descriptions until the connection must be open. */
const CONNECT_MS = 20_000

interface PendingOffer {
  readonly offer: Offer
  readonly cancelExpiry: () => void
}

/** Makes connections from the offers and answers that a tracker carries. */
export class Connector {
  readonly #options: ConnectorOptions
  readonly #pending = new Map<OfferId, PendingOffer>()
  /** Connections that are being made, and with whom. */
  readonly #connecting = new Map<Negotiation, PeerId>()
  #answering = 0
  #offering = 0
  #incoming = 0
  #incomingSinceMs = 0
  #closed = false

  constructor(options: ConnectorOptions) {
    this.#options = options
  }

  /** Connections that are being made with peers who are known. */
  get onTheWay(): number {
    return this.#connecting.size + this.#answering
  }

  /** Peers that we have made an exchange of descriptions with, and are connecting to. */
  get connecting(): number {
    return this.#connecting.size
  }

  /** Offers that nobody has answered, those that are being made included. */
  get offered(): number {
    return this.#pending.size + this.#offering
  }

  /** Offers that there is room for. */
  get roomForOffers(): number {
    return Math.max(0, this.#room - this.offered)
  }

  async makeOffers(count: number): Promise<MadeOffer[]> {
    this.#offering += count
    const offers = await Promise.all(Array.from({ length: count }, () => this.#makeOffer()))
    this.#offering -= count
    return offers.filter((offer) => offer !== undefined)
  }

  /** Whether an offer can still be answered. */
  isPending({ offerId }: MadeOffer): boolean {
    return this.#pending.has(offerId)
  }

  /** Nobody is left to answer. */
  dropOffers(): void {
    for (const { offer, cancelExpiry } of this.#pending.values()) {
      cancelExpiry()
      offer.abandon()
    }
    this.#pending.clear()
  }

  /** Somebody answered one of our offers. */
  accept(peerId: PeerId, offerId: OfferId, sdp: string): void {
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
    this.#options.changing(() => void this.#connect(pending.offer, peerId, true))
  }

  /** Somebody offers us a connection. */
  async answer(peerId: PeerId, offerId: OfferId, offerSdp: string): Promise<void> {
    if (!this.#admitsOffer() || !this.#welcomes(peerId)) return
    this.#options.changing(() => this.#answering++)
    const negotiation = await this.#options.transport.answer(offerSdp).catch(() => undefined)
    this.#options.changing(() => {
      this.#answering--
      if (negotiation) this.#reply(negotiation, peerId, offerId)
    })
  }

  /** Ends everything that is not open yet. */
  close(): void {
    this.#closed = true
    this.dropOffers()
    for (const negotiation of this.#connecting.keys()) negotiation.abandon()
    this.#connecting.clear()
  }

  get #room(): number {
    return this.#options.driver.swarm.room - this.onTheWay
  }

  async #makeOffer(): Promise<MadeOffer | undefined> {
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

  /**
   * Both sides offered and answered each other at the same moment: the connection that the smaller peer id made is
   * kept, so that both give up the same one.
   */
  #yieldTo(peerId: PeerId): void {
    if (this.#options.peerId > peerId) return
    for (const [negotiation, other] of this.#connecting) {
      if (other !== peerId) continue
      this.#options.changing(() => this.#connecting.delete(negotiation))
      negotiation.abandon()
    }
  }

  #reply(negotiation: Negotiation, peerId: PeerId, offerId: OfferId): void {
    negotiation.opened.catch(() => undefined)
    const { infoHash, peerId: own, send } = this.#options
    const text = encodeAnswer({ infoHash, peerId: own, toPeerId: peerId, offerId, sdp: negotiation.sdp })
    if (this.#closed || !this.#welcomes(peerId) || !send(text)) negotiation.abandon()
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
    this.#options.changing(() => {
      this.#connecting.delete(negotiation)
      if (this.#closed) link?.close()
      else if (link) this.#options.driver.addLink(link, { initiator, peerId })
    })
  }
}
