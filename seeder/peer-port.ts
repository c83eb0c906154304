import { randomBytes } from 'node:crypto'
import type { Clock } from '../mesh/clock.ts'
import { MeshNode } from '../mesh/mesh-node.ts'
import type { SwarmDriver } from '../mesh/swarm-driver.ts'
import type { OfferId } from '../mesh/tracker-messages.ts'
import { TrackerPool } from '../mesh/tracker-pool.ts'
import type { OpenSocket, Transport } from '../mesh/transport.ts'
import { toHex } from '../protocol/hex.ts'
import type { IceServer } from '../protocol/manifest.ts'
import type { InfoHash } from '../protocol/units.ts'
import { Announcer, type TrackerAnswer, type TrackerEvent } from './announcer.ts'
import { DhtPresence } from './dht-presence.ts'
import type { Log } from './log.ts'
import { nodeClock } from './node-clock.ts'
import { freshMemory, type NodeMemory } from './node-memory.ts'
import { openNodeSocket } from './node-socket.ts'
import type { TransportMaker } from './node-transport.ts'
import { OfferDesk } from './offer-desk.ts'
import { UploadPacer } from './upload-pacer.ts'

export interface PeerLimits {
  /** Bytes per second over all swarms; no cap when absent. */
  readonly uploadLimit?: number
  /** Bytes per second to one peer; no cap when absent. */
  readonly peerUploadLimit?: number
  /** Connections over all swarms. */
  readonly maxPeers?: number
}

export interface PeerPortOptions extends PeerLimits {
  readonly makeTransport: TransportMaker
  readonly log: Log
  /** The running swarm, started where it slept; undefined when nobody is wanted in it. */
  readonly wake: (infoHash: InfoHash) => Promise<SwarmDriver | undefined>
  /** A tracker has answered an announce. */
  readonly onAnnounced?: (answer: TrackerAnswer) => void
  readonly clock?: Clock
  readonly openSocket?: OpenSocket
  /** URL of the site. */
  readonly site?: string | undefined
  /** Kept from one start to the next; by default we are somebody new each time. */
  readonly dhtMemory?: NodeMemory
}

export const DEFAULT_MAX_PEERS = 200
/** With fewer connections in all, none of them is for the DHT, which wants a dozen. */
const LEAST_FOR_DHT = 50
const DRAIN_POLL_MS = 50
/** What the data channels have taken goes out in this time. */
const LAST_PACKETS_MS = 200

/** Where peers come in: trackers are told of swarms, connections are made, and all that goes out is under one cap. */
export class PeerPort {
  readonly clock: Clock
  readonly node: MeshNode
  readonly announcer: Announcer
  readonly desk: OfferDesk
  readonly dht: DhtPresence | undefined
  readonly #options: PeerPortOptions
  readonly #pool: TrackerPool
  readonly #pacer: UploadPacer
  readonly #unlisten: (() => void) | undefined
  #transport: Transport

  constructor(options: PeerPortOptions) {
    const { makeTransport, log, wake, clock = nodeClock, openSocket = openNodeSocket } = options
    const { maxPeers = DEFAULT_MAX_PEERS, uploadLimit, peerUploadLimit } = options
    this.#options = options
    this.clock = clock
    this.#transport = makeTransport([])
    this.#pool = new TrackerPool({ clock, openSocket, random: () => randomBytes(4).readUInt32LE() / 2 ** 32 })
    this.#pacer = new UploadPacer(clock, uploadLimit, peerUploadLimit)
    this.node = new MeshNode({
      clock,
      randomBytes: (length) => randomBytes(length),
      openSocket,
      sharing: true,
      uploadLimit: Number.POSITIVE_INFINITY, // the pacer caps all swarms together
      maxPeers,
      // Who is there to serve owes nobody anything: all are served, and the pacer lets them take turns.
      uploadSlots: maxPeers,
    })
    this.desk = new OfferDesk({
      clock,
      transport: () => this.#transport,
      wake,
      pacer: this.#pacer,
      maxPeers,
      newOfferId: () => toHex(randomBytes(20)) as OfferId,
      log,
    })
    if (maxPeers >= LEAST_FOR_DHT)
      this.dht = new DhtPresence({
        node: this.node,
        transport: () => this.#transport,
        isFull: () => this.desk.isFull,
        wrap: (link) => this.#pacer.wrap(link),
        wake,
        site: options.site,
        memory: options.dhtMemory ?? freshMemory(),
      })
    this.announcer = new Announcer({
      peerId: this.node.peerId,
      clock,
      pool: this.#pool,
      onOffer: (offer) => void this.desk.answer(offer),
      onAnswer: (answer) => void this.desk.accept(answer),
      onAnnounced: (answer) => {
        options.onAnnounced?.(answer)
        void this.desk.greet(answer)
      },
      onTracker: (url, event) => this.#onTracker(url, event),
    })
    this.#unlisten = makeTransport.onCrash?.((how) => this.#meetAgain(how))
  }

  /** The one for connections that are made from now on. */
  get transport(): Transport {
    return this.#transport
  }

  /** Bytes that are on their way out. */
  get buffered(): number {
    return this.#pacer.buffered
  }

  /** Is found at these trackers from now on, and makes connections with these servers. @param urls absolute WebSocket URLs */
  meetAt(urls: readonly string[], iceServers: readonly IceServer[]): void {
    this.#transport = this.#options.makeTransport(iceServers)
    this.announcer.setTrackers(urls)
    this.dht?.light(urls)
  }

  /** Meets nobody any more, and sends what it has begun to send. @param graceMs how long that may take */
  async retire(graceMs: number): Promise<void> {
    this.announcer.close()
    this.#pool.close()
    this.desk.close()
    // Peers are told at once, so that they ask others for what we have not begun to send.
    this.node.setSharing(false)
    const untilMs = this.clock.now() + graceMs
    while (this.#pacer.buffered > 0 && this.clock.now() < untilMs) await this.#pause(DRAIN_POLL_MS)
    if (this.#pacer.links > 0 && graceMs > 0) await this.#pause(LAST_PACKETS_MS)
  }

  /** Ends all connections. */
  close(): void {
    this.#unlisten?.()
    this.node.close()
    this.#pacer.close()
  }

  /** All peers are about to be lost, and want us as before. */
  #meetAgain(how: string): void {
    const left = this.announcer.infoHashes.filter((infoHash) => (this.node.swarm(infoHash)?.swarm.peers ?? 0) > 0)
    this.#options.log('warn', 'WebRTC has crashed: its peers are met again', { how, swarms: left.length })
    for (const infoHash of left) this.announcer.hurry(infoHash)
  }

  #onTracker(url: string, event: TrackerEvent): void {
    const { log } = this.#options
    if (event.kind === 'up') log('info', 'connected to the tracker', { url })
    else if (event.kind === 'down') log('warn', 'the tracker cannot be reached: trying on', { url })
    else log('warn', 'the tracker refuses us', { url, reason: event.reason })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }
}
