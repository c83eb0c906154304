import type { Clock } from '../mesh/clock.ts'
import type { SwarmDriver } from '../mesh/swarm-driver.ts'
import type { AnnounceOffer, OfferId } from '../mesh/tracker-messages.ts'
import type { Negotiation, Offer, Transport } from '../mesh/transport.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { IncomingAnswer, IncomingOffer, TrackerAnswer } from './announcer.ts'
import { reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import type { UploadPacer } from './upload-pacer.ts'

export interface OfferDeskOptions {
  readonly clock: Clock
  /** The one to use now. */
  readonly transport: () => Transport
  /** The running swarm, started where it slept; undefined when there is nothing to serve. */
  readonly wake: (infoHash: InfoHash) => Promise<SwarmDriver | undefined>
  readonly pacer: UploadPacer
  /** Connections over all swarms. */
  readonly maxPeers: number
  readonly newOfferId: () => OfferId
  readonly log: Log
}

/** Connections made at the same time: each costs processor time for its keys. */
const MAX_CONNECTING = 32
/** From the exchange of descriptions until the connection must be open. */
const CONNECT_MS = 20_000
/** Where others want to connect, too, one that is not open after this long gives way: it may be nobody's. */
const SLOW_MS = 3_000
/** A tracker deals offers out at random, each to another peer: a small swarm gets one for each, a crowd only some. */
const SMALL_SWARM = 8
const CROWD_OFFERS = 3
/** Offers that wait for an answer: each is a connection held ready. */
const MAX_PENDING = 40
/** Visitors answer within two seconds; who is connected already never does. Over before we announce again. */
const OFFER_LIFE_MS = 8_000

interface PendingOffer {
  readonly infoHash: InfoHash
  readonly offer: Offer
  readonly cancelExpiry: () => void
}

interface Meeting {
  readonly infoHash: InfoHash
  readonly from: PeerId
  /** Who offered: `in` is the visitor. */
  readonly direction: 'in' | 'out'
}

/**
 * Makes connections and hands them to the swarms. Mostly it answers: visitors that arrive make the offers. It makes some
 * itself to those who were there before us.
 */
export class OfferDesk {
  readonly #options: OfferDeskOptions
  readonly #pending = new Map<OfferId, PendingOffer>()
  /** `infoHash/peerId/direction` of whom a connection is being made with. */
  readonly #connecting = new Set<string>()
  /** Being opened, and since when. The oldest first. */
  readonly #negotiations = new Map<Negotiation, number>()
  /** Offers that are being made. */
  #making = 0
  #isClosed = false

  constructor(options: OfferDeskOptions) {
    this.#options = options
  }

  /** Whether all connections are taken. */
  get isFull(): boolean {
    return this.#isClosed || this.#options.pacer.links + this.#connecting.size >= this.#options.maxPeers
  }

  /** Whether a connection is being made in this swarm. */
  isConnecting(infoHash: InfoHash): boolean {
    for (const key of this.#connecting) if (key.startsWith(infoHash)) return true
    return [...this.#pending.values()].some((pending) => pending.infoHash === infoHash)
  }

  /** A visitor offers: it offers again at its next announce when we are too busy now. */
  async answer({ infoHash, from, sdp, reply }: IncomingOffer): Promise<void> {
    await this.#meet({ infoHash, from, direction: 'in' }, async () => {
      const negotiation = await this.#options.transport().answer(sdp)
      if (!reply(negotiation.sdp)) negotiation.abandon()
      return negotiation
    })
  }

  /**
   * A visitor has answered an offer of ours. Taken up even while its own offer is: where both offered at once each side
   * gives up one of the two, and it must not be the other one here than there.
   */
  async accept({ infoHash, from, offerId, sdp }: IncomingAnswer): Promise<void> {
    const pending = this.#pending.get(offerId)
    if (pending?.infoHash !== infoHash) return
    this.#pending.delete(offerId)
    pending.cancelExpiry()
    const { offer } = pending
    const isMet = await this.#meet({ infoHash, from, direction: 'out' }, async () => {
      offer.accept(sdp)
      return offer
    })
    if (!isMet) offer.abandon()
  }

  /** Offers to peers that are worth meeting, where we have met fewer of them than there are. */
  async greet({ infoHash, worthMeeting, offer }: TrackerAnswer): Promise<void> {
    if (worthMeeting === 0 || this.#isBusy || this.isFull || this.isConnecting(infoHash)) return
    const driver = await this.#options.wake(infoHash).catch(() => undefined)
    if (driver === undefined || driver.swarm.peers >= worthMeeting) return
    const room = Math.max(0, MAX_PENDING - this.#pending.size - this.#making)
    const length = Math.min(worthMeeting <= SMALL_SWARM ? worthMeeting : CROWD_OFFERS, room)
    const made = await Promise.all(Array.from({ length }, () => this.#make(infoHash)))
    const offers = made.filter((one) => one !== undefined)
    if (offers.length > 0) offer(offers)
  }

  /** Ends what is not open yet. */
  close(): void {
    this.#isClosed = true
    for (const { offer, cancelExpiry } of this.#pending.values()) {
      cancelExpiry()
      offer.abandon()
    }
    this.#pending.clear()
    for (const negotiation of this.#negotiations.keys()) negotiation.abandon()
  }

  /** Whether no connection can be made now. */
  get #isBusy(): boolean {
    return this.#isClosed || this.#connecting.size >= MAX_CONNECTING
  }

  async #make(infoHash: InfoHash): Promise<AnnounceOffer | undefined> {
    const { transport, clock, newOfferId } = this.#options
    this.#making++
    const offer = await transport()
      .offer()
      .catch(() => undefined)
    this.#making--
    if (offer === undefined || this.#isClosed) {
      offer?.abandon()
      return undefined
    }
    offer.opened.catch(() => undefined) // seen by whoever takes the answer
    const offerId = newOfferId()
    const cancelExpiry = clock.after(OFFER_LIFE_MS, () => {
      this.#pending.delete(offerId)
      offer.abandon()
    })
    this.#pending.set(offerId, { infoHash, offer, cancelExpiry })
    return { offerId, sdp: offer.sdp }
  }

  /** @returns whether a connection was tried */
  async #meet({ infoHash, from, direction }: Meeting, negotiate: () => Promise<Negotiation>): Promise<boolean> {
    const key = `${infoHash}/${from}/${direction}`
    if (this.#isClosed || this.#connecting.has(key)) return false
    if (this.#isBusy && !this.#abandonSlowest()) return false
    // Whoever comes now wants something, and of those who are there some have it all.
    if (this.isFull && !this.#options.pacer.makeRoom()) return false
    this.#connecting.add(key)
    try {
      const driver = await this.#options.wake(infoHash)
      if (!driver?.swarm.welcomes(from)) return false
      await this.#connect(await negotiate(), driver, from)
    } catch (error) {
      this.#options.log('debug', 'a connection failed', { peer: from, reason: reasonOf(error) })
    } finally {
      this.#connecting.delete(key)
    }
    return true
  }

  /** @returns whether one was slow enough */
  #abandonSlowest(): boolean {
    for (const [negotiation, sinceMs] of this.#negotiations) {
      if (this.#options.clock.now() - sinceMs < SLOW_MS) return false
      this.#negotiations.delete(negotiation)
      negotiation.abandon()
      return true
    }
    return false
  }

  async #connect(negotiation: Negotiation, driver: SwarmDriver, from: PeerId): Promise<void> {
    const { clock, pacer, log } = this.#options
    this.#negotiations.set(negotiation, clock.now())
    const cancelDeadline = clock.after(CONNECT_MS, () => negotiation.abandon())
    try {
      if (this.#isClosed) negotiation.abandon()
      const link = await negotiation.opened
      // The swarm may have been left meanwhile: a closed driver closes the link.
      driver.addLink(pacer.wrap(link), { initiator: 'accept' in negotiation, peerId: from })
      log('debug', 'a peer connected', { peer: from })
    } finally {
      cancelDeadline()
      this.#negotiations.delete(negotiation)
    }
  }
}
