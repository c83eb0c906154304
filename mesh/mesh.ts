import type { IceServer } from '../protocol/manifest.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { chunksOf, describeFile } from './describe.ts'
import type { SwarmDescription } from './description.ts'
import type { Id } from './dht/id.ts'
import { MeshNode } from './mesh-node.ts'
import { type ChunkShelf, MeshSwarm, memoryShelf } from './mesh-swarm.ts'
import { MetadataFetch } from './metadata-fetch.ts'
import type { Overlay } from './overlay/overlay.ts'
import type { MeshPlatform } from './platform.ts'
import type { Transport } from './transport.ts'

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

/** How long a chunk is looked for. */
const GET_MS = 30_000
const DESCRIBE_MS = 30_000

/** A client of the mesh: finds who has which chunk of which swarm, and exchanges chunks, without a server in between. */
export class Mesh {
  readonly #node: MeshNode
  readonly #overlay: Overlay
  readonly #transport: Transport
  readonly #platform: MeshPlatform
  readonly #swarms = new Map<InfoHash, MeshSwarm>()
  #trackers: readonly string[] = []

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

  join({ trackers = [], peers = [] }: Entrances): void {
    this.#trackers = [...new Set([...this.#trackers, ...trackers])]
    this.#node.light(trackers)
    this.#node.visit(peers)
  }

  /** Where we take offers: linked clients are told, and come back there. @param url of a WebSocket */
  tellAddress(url: string): void {
    this.#overlay.addresses.own = url
  }

  /** Makes an offer for somebody who is reached by other means: a chat, a QR code. */
  async invite(): Promise<Invitation> {
    const offer = await this.#transport.offer()
    const accept = async (answer: string) => {
      offer.accept(answer)
      return await this.#adopt(offer.opened, true)
    }
    return { offer: offer.sdp, accept }
  }

  /** @returns the answer to somebody's invitation */
  async answer(offer: string): Promise<string> {
    const negotiation = await this.#transport.answer(offer)
    void this.#adopt(negotiation.opened, false)
    return negotiation.sdp
  }

  /** Takes part in a swarm. @param shelf where its chunks are; memory by default */
  open(description: SwarmDescription, shelf: ChunkShelf = memoryShelf()): void {
    const { infoHash } = description
    if (this.#swarms.has(infoHash)) return
    const swarm = new MeshSwarm({ description, shelf, platform: this.#platform, node: this.#node })
    this.#swarms.set(infoHash, swarm)
    swarm.join(this.#trackers, this.#transport)
  }

  /**
   * What a swarm shares, from any of its members, verified by the info hash: number and sizes of files, size of chunks, and
   * their hashes. Undefined when nobody tells it in time.
   */
  async describe(infoHash: InfoHash, deadlineMs = DESCRIBE_MS): Promise<SwarmDescription | undefined> {
    const known = this.#swarms.get(infoHash)
    if (known !== undefined) return known.description
    const fetch = new MetadataFetch({ ...this.#platform, infoHash, peerId: this.#node.peerId })
    this.#node.divert(infoHash, fetch)
    try {
      return await fetch.from(this.#overlay, deadlineMs)
    } finally {
      this.#node.divert(infoHash, undefined)
    }
  }

  /** Gives a file to the mesh: opens its swarm, with all chunks. */
  async share(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<SwarmDescription> {
    const description = await describeFile(name, bytes, this.#platform)
    const chunks = chunksOf(bytes, description.chunkSize)
    this.open(description, { read: async (chunk) => chunks[chunk]?.slice(), write: async () => undefined })
    for (const chunk of chunks.keys()) this.announce(description.infoHash, chunk)
    return description
  }

  /** This chunk is on the shelf: whoever looks for it finds us. */
  announce(infoHash: InfoHash, chunk: number): void {
    this.#swarm(infoHash).holds(chunk as ChunkIndex)
  }

  /** Clients that hold a chunk, as they are found; of any swarm, whether it is open or not. */
  lookup(infoHash: InfoHash, chunk: number): AsyncIterableIterator<Id> {
    return this.#overlay.lookup(infoHash, chunk as ChunkIndex)
  }

  /**
   * A chunk: from the shelf, or from whoever of its holders is the first to deliver it. It is verified, put on the
   * shelf and announced. Undefined when nobody delivers it in time.
   */
  async get(infoHash: InfoHash, chunk: number, deadlineMs = GET_MS): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#swarm(infoHash).get(chunk as ChunkIndex, deadlineMs)
  }

  close(): void {
    this.#node.close()
  }

  #swarm(infoHash: InfoHash): MeshSwarm {
    const swarm = this.#swarms.get(infoHash)
    if (swarm === undefined) throw new RangeError(`the swarm ${infoHash} is not open`)
    return swarm
  }

  async #adopt(opened: Promise<Parameters<Overlay['swarm']['addLink']>[0]>, initiator: boolean): Promise<boolean> {
    const link = await opened.catch(() => undefined)
    return link !== undefined && this.#overlay.swarm.addLink(link, { initiator })
  }
}
