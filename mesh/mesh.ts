import type { IceServer } from '../protocol/manifest.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { chunksOf, describeFile } from './describe.ts'
import type { SwarmDescription } from './description.ts'
import type { Id } from './dht/id.ts'
import { MeshNode } from './mesh-node.ts'
import { type ChunkShelf, MeshSwarm, memoryShelf } from './mesh-swarm.ts'
import { MetadataFetch } from './metadata-fetch.ts'
import { isAddress } from './overlay/addresses.ts'
import type { Overlay } from './overlay/overlay.ts'
import type { MeshPlatform } from './platform.ts'
import type { Negotiation, Transport } from './transport.ts'

export interface MeshOptions {
  readonly platform: MeshPlatform
  readonly iceServers?: readonly IceServer[]
  /** Clients that name different networks do not meet by trackers and addresses. */
  readonly network?: string
  /** Links for the DHT; 12 by default. */
  readonly links?: number
  /** Bytes per second; no cap by default. */
  readonly uploadLimit?: number
}

/** What a program says to start a client; the entry point knows where it runs. */
export interface OpenMeshOptions extends Omit<MeshOptions, 'platform'> {
  /** On Node, the file that keeps the client's key pair and addresses of peers; without, it is somebody new each time. */
  readonly memory?: string
}

/** Starts a client of the mesh. */
export type OpenMesh = (options?: OpenMeshOptions) => Promise<Mesh>

/** Ways into the network. */
export interface Entrances {
  /** URLs of WebTorrent trackers: asked only while there are few links. */
  readonly trackers?: readonly string[]
  /** Addresses of peers that take offers themselves; see `addresses`. */
  readonly peers?: readonly string[]
}

/** An offer that somebody carries to another client by hand. */
export interface Invitation {
  readonly offer: string
  /** Goes on with the other client's answer. @returns whether they are connected */
  accept(answer: string): Promise<boolean>
}

/** The answer to a stranger's offer, and what comes of it. */
export interface Welcome {
  readonly answer: string
  /** Whether there is a link; settles in any case. */
  readonly connected: Promise<boolean>
}

/** How long a chunk is looked for. */
const GET_MS = 30_000
const DESCRIBE_MS = 30_000
/** Before members of a swarm that nobody knew are looked for again. */
const PAUSE_MS = 500
/** Who looks for others as soon as it has joined waits so long for the first link. */
const LINK_MS = 10_000
const LINK_POLL_MS = 50
/** The wire counts chunks in 4 bytes. */
const MAX_CHUNK = 0xffff_ffff

/** A client of the mesh: finds who has which chunk of which swarm, and exchanges chunks, without a server in between. */
export class Mesh {
  readonly #node: MeshNode
  readonly #overlay: Overlay
  readonly #transport: Transport
  readonly #platform: MeshPlatform
  readonly #swarms = new Map<InfoHash, MeshSwarm>()
  #trackers: readonly string[] = []
  /** Connections that wait for what a person carries. */
  readonly #byHand = new Set<Negotiation>()
  #isClosed = false

  constructor({ platform, iceServers = [], network, links, uploadLimit }: MeshOptions) {
    this.#platform = platform
    this.#transport = platform.makeTransport(iceServers)
    this.#node = new MeshNode({ ...platform, sharing: true, uploadLimit: uploadLimit ?? Number.POSITIVE_INFINITY })
    this.#overlay = this.#node.openOverlay({
      ...platform,
      transport: this.#transport,
      ...(network !== undefined && { network }),
      ...(links !== undefined && { links }),
    })
  }

  /** Follows from the client's key pair. */
  get id(): Id {
    return this.#overlay.id
  }

  /** Name of the network at trackers. */
  get network(): InfoHash {
    return this.#overlay.infoHash
  }

  get peerId(): PeerId {
    return this.#node.peerId
  }

  /** Clients that it is linked with. */
  get links(): Id[] {
    return this.#overlay.links
  }

  /** @throws RangeError for what is no URL of a WebSocket */
  join({ trackers = [], peers = [] }: Entrances): void {
    const wrong = [...trackers, ...peers].find((url) => !isAddress(url))
    if (wrong !== undefined) throw new RangeError(`${wrong} is no URL of a WebSocket`)
    this.#trackers = [...new Set([...this.#trackers, ...trackers])]
    this.#node.light(this.#trackers)
    this.#node.visit(peers)
  }

  /** Where we take offers: linked clients are told, and come back there. @param url of a WebSocket */
  tellAddress(url: string): void {
    this.#overlay.addresses.own = url
  }

  /** Makes an offer for somebody who is reached by other means: a chat, a QR code. */
  async invite(): Promise<Invitation> {
    const offer = this.#held(await this.#transport.offer())
    const accept = async (answer: string) => {
      offer.accept(asCarried(answer))
      return await this.#adopt(offer, true)
    }
    return { offer: offer.sdp, accept }
  }

  /** @returns the answer to somebody's invitation @throws Error when it is none */
  async answer(offer: string): Promise<string> {
    const negotiation = this.#held(await this.#transport.answer(asCarried(offer)))
    void this.#adopt(negotiation, false)
    return negotiation.sdp
  }

  /**
   * Answers the offer of a stranger, who may never come: one that has not connected within `deadlineMs` is given up.
   * Undefined when there is no room for another link.
   */
  async welcome(offer: string, deadlineMs: number): Promise<Welcome | undefined> {
    if (this.#overlay.swarm.swarm.room === 0) return undefined
    const negotiation = this.#held(await this.#transport.answer(offer))
    const cancel = this.#platform.clock.after(deadlineMs, () => negotiation.abandon())
    const connected = this.#adopt(negotiation, false).finally(cancel)
    return { answer: negotiation.sdp, connected }
  }

  /** Takes part in a swarm. @param shelf where its chunks are; memory by default */
  open(description: SwarmDescription, shelf: ChunkShelf = memoryShelf()): void {
    const { infoHash } = description
    if (this.#swarms.has(infoHash)) return
    const swarm = new MeshSwarm({
      description,
      shelf,
      platform: this.#platform,
      node: this.#node,
      linked: (deadlineMs) => this.#linked(deadlineMs),
    })
    this.#swarms.set(infoHash, swarm)
    swarm.join(this.#trackers, this.#transport)
  }

  /**
   * What a swarm shares, from any of its members, verified by the info hash: number and sizes of files, size of chunks, and
   * their hashes. Undefined when nobody tells it in time.
   */
  async describe(infoHash: string, deadlineMs = DESCRIBE_MS): Promise<SwarmDescription | undefined> {
    const { clock } = this.#platform
    const untilMs = clock.now() + deadlineMs
    const hash = infoHashOf(infoHash)
    const known = this.#swarms.get(hash)
    if (known !== undefined) return known.description
    await this.#linked(deadlineMs)
    while (!this.#isClosed) {
      const described = await this.#ask(hash, untilMs - clock.now())
      if (described !== undefined || clock.now() + PAUSE_MS >= untilMs) return described
      await this.#pause(PAUSE_MS)
    }
    return undefined
  }

  /** Gives a file to the mesh: opens its swarm, with all chunks. */
  async share(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<SwarmDescription> {
    if (bytes.length === 0) throw new RangeError('an empty file has no chunks to give')
    const description = await describeFile(name, bytes, this.#platform)
    const chunks = chunksOf(bytes, description.chunkSize)
    this.open(description, { read: async (chunk) => chunks[chunk]?.slice(), write: async () => undefined })
    for (const chunk of chunks.keys()) this.announce(description.infoHash, chunk)
    return description
  }

  /** This chunk is on the shelf: whoever looks for it finds us. */
  announce(infoHash: string, chunk: number): void {
    this.#swarm(infoHash).announce(chunk)
  }

  /** Clients that hold a chunk, as they are found; of any swarm, whether it is open or not. */
  lookup(infoHash: string, chunk: number): AsyncIterableIterator<Id> {
    return this.#lookup(infoHashOf(infoHash), chunkIndex(chunk))
  }

  /**
   * A chunk: from the shelf, or from whoever of its holders is the first to deliver it. It is verified, put on the
   * shelf and announced. Undefined when nobody delivers it in time.
   */
  async get(infoHash: string, chunk: number, deadlineMs = GET_MS): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#swarm(infoHash).get(chunk, deadlineMs)
  }

  close(): void {
    this.#isClosed = true
    for (const negotiation of this.#byHand) negotiation.abandon()
    this.#node.close()
  }

  #swarm(infoHash: string): MeshSwarm {
    const swarm = this.#swarms.get(infoHashOf(infoHash))
    if (swarm === undefined) throw new RangeError(`the swarm ${infoHash} is not open`)
    return swarm
  }

  async *#lookup(infoHash: InfoHash, chunk: ChunkIndex): AsyncGenerator<Id, undefined> {
    await this.#linked(LINK_MS)
    if (!this.#isClosed) yield* this.#overlay.lookup(infoHash, chunk)
    return undefined
  }

  /** Asks members of a swarm that is not open what it is about. */
  async #ask(infoHash: InfoHash, deadlineMs: number): Promise<SwarmDescription | undefined> {
    const fetch = new MetadataFetch({ ...this.#platform, infoHash, peerId: this.#node.peerId })
    this.#node.divert(infoHash, fetch)
    try {
      return await fetch.from(this.#overlay, deadlineMs)
    } finally {
      this.#node.divert(infoHash, undefined)
    }
  }

  /** Waits for the first link: without any, nobody would be found. */
  async #linked(deadlineMs: number): Promise<void> {
    const untilMs = this.#platform.clock.now() + deadlineMs
    while (this.links.length === 0 && !this.#isClosed && this.#platform.clock.now() < untilMs)
      await this.#pause(LINK_POLL_MS)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#platform.clock.after(ms, resolve))
  }

  /** Does not outlive the client. */
  #held<N extends Negotiation>(negotiation: N): N {
    const over = () => void this.#byHand.delete(negotiation)
    this.#byHand.add(negotiation)
    negotiation.opened.then(over, over)
    if (this.#isClosed) negotiation.abandon()
    return negotiation
  }

  async #adopt({ opened }: Negotiation, initiator: boolean): Promise<boolean> {
    const link = await opened.catch(() => undefined)
    return link !== undefined && this.#overlay.swarm.addLink(link, { initiator })
  }
}

function infoHashOf(text: string): InfoHash {
  if (!/^[0-9a-f]{40}$/i.test(text)) throw new RangeError(`${text} is no info hash: 40 hex digits`)
  return text.toLowerCase() as InfoHash
}

function chunkIndex(chunk: number): ChunkIndex {
  if (!Number.isSafeInteger(chunk) || chunk < 0 || chunk > MAX_CHUNK) throw new RangeError(`${chunk} is no chunk`)
  return chunk as ChunkIndex
}

/** Chats and forms change the ends of lines, and leave out the last. */
function asCarried(description: string): string {
  return `${description.trim().split(/\r?\n/).join('\r\n')}\r\n`
}
