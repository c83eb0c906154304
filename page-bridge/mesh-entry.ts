import { ChunkCache } from '../mesh/chunk-cache.ts'
import { MeshNode, type MeshStatus } from '../mesh/mesh-node.ts'
import { Scout } from '../mesh/scout.ts'
import type { SwarmTicket } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import type { MergingStore } from '../store/chunk-store.ts'
import { openMergingIndexedDb } from '../store/indexeddb-merge.ts'
import { browserClock, browserTransport, openWebSocket } from './browser-transport.ts'
import { blockProofs, chunkVerifier } from './chunk-verifier.ts'
import type { Mesh, MeshOptions } from './lazy-mesh.ts'
import { browserPlatform, randomBytes } from './mesh-platform.ts'
import { siteMetadata } from './site-metadata.ts'
import { Tidier } from './tidy.ts'

/** Stored chunks kept in memory for peers: each is asked for in blocks, often by several peers in a row. */
const CACHE_BYTES = 32 * MiB
/** A database that has not answered by then holds nothing for us. */
const STORE_MS = 3_000
/** A swarm that is joined before the DHT is ready goes without it. */
const OVERLAY_MS = 1_000
/** The DHT asks a tracker for links of its own only then: mostly it has those of the swarms by now, and each costs the page. */
const LIGHT_MS = 5_000
/** Who has peers by then stays, and can tell them what the swarm is about even when the site is gone. */
const SETTLED_MS = 60_000

/** Starts the mesh of this page. */
export function createMesh(options: MeshOptions): Mesh {
  return new PageMesh(options)
}

class PageMesh implements Mesh {
  readonly #options: MeshOptions
  readonly #node: MeshNode
  readonly #cache = new ChunkCache(CACHE_BYTES)
  readonly #tidier = new Tidier(() => this.#open())
  readonly #files = new Map<InfoHash, SwarmTicket['files']>()
  readonly #scout: Scout
  #overlay: Promise<void> | undefined
  #store: Promise<MergingStore | undefined> | undefined

  constructor(options: MeshOptions) {
    this.#options = options
    this.#node = new MeshNode({
      clock: browserClock,
      randomBytes,
      openSocket: openWebSocket,
      sharing: options.sharing,
      uploadLimit: options.uploadLimit,
      ...(options.onUpload && { onUpload: options.onUpload }),
    })
    this.#scout = new Scout({
      clock: browserClock,
      seek: (infoHash, chunk) => this.#node.seek(infoHash, chunk),
    })
  }

  async join(ticket: SwarmTicket): Promise<MeshStatus> {
    const { infoHash, mesh } = ticket
    this.#files.set(infoHash, ticket.files)
    const known = this.#node.status(infoHash)
    if (known) return known
    this.#overlay ??= this.#openOverlay(ticket)
    const overlay = withDeadline(this.#overlay, OVERLAY_MS).catch(() => undefined) // without the DHT, trackers do
    const [held, proofs] = await Promise.all([this.#held(infoHash), blockProofs(ticket), overlay])
    this.#tidier.touched(infoHash, ticket.files) // what an earlier visit left in small records
    const metadata = siteMetadata(ticket)
    browserClock.after(SETTLED_MS, () => this.#node.status(infoHash)?.peers && metadata?.info())
    return this.#node.join({
      infoHash,
      chunkCount: ticket.chunkCount,
      files: ticket.files,
      announce: 'RTCPeerConnection' in globalThis ? mesh.announce : [],
      transport: browserTransport(mesh.iceServers),
      isHurried: true,
      held,
      read: (chunk) => this.#read(infoHash, chunk),
      verify: chunkVerifier(ticket),
      ...(proofs && { proofs }),
      ...(metadata && { metadata }),
      onStatus: (status) => this.#options.onStatus(infoHash, status),
    })
  }

  async leave(infoHash: InfoHash): Promise<void> {
    this.#node.leave(infoHash)
    this.#scout.loading(infoHash, [], 0)
    this.#files.delete(infoHash)
  }

  async fetchChunk({
    infoHash,
    chunk,
    deadlineMs,
  }: Parameters<Mesh['fetchChunk']>[0]): Promise<ArrayBuffer | undefined> {
    const driver = this.#node.swarm(infoHash)
    const bytes = await driver?.fetch(chunk, deadlineMs)
    // The worker gets the bytes themselves, and stores them in its own time: a copy is for those who lack them now.
    if (bytes && driver && driver.swarm.holders(chunk) < driver.swarm.peers) this.#hold(infoHash, chunk, bytes.slice())
    return bytes?.buffer
  }

  async cancelChunk(infoHash: InfoHash, chunk: ChunkIndex): Promise<void> {
    this.#node.swarm(infoHash)?.cancel(chunk)
  }

  async hold(infoHash: InfoHash, chunk: ChunkIndex, bytes: ArrayBuffer): Promise<void> {
    this.#hold(infoHash, chunk, new Uint8Array(bytes))
  }

  #hold(infoHash: InfoHash, chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): void {
    void this.#cache.read(keyOf(infoHash, chunk), async () => bytes)
    this.#node.swarm(infoHash)?.stored({ first: chunk, after: (chunk + 1) as ChunkIndex })
  }

  async stored(infoHash: InfoHash, chunks: ChunkSpan): Promise<void> {
    this.#node.swarm(infoHash)?.stored(chunks)
    this.#tidier.touched(infoHash, this.#files.get(infoHash) ?? [])
  }

  async loading(infoHash: InfoHash, chunks: readonly ChunkSpan[]): Promise<void> {
    const driver = this.#node.swarm(infoHash)
    driver?.loading(chunks)
    if (driver) this.#scout.loading(infoHash, chunks, driver.chunkCount)
  }

  async dropped(infoHash: InfoHash): Promise<void> {
    this.#cache.clear()
    this.#node.swarm(infoHash)?.dropped()
  }

  setSharing(sharing: boolean): void {
    this.#node.setSharing(sharing)
  }

  easeUpload(): void {
    this.#node.easeUpload()
  }

  close(): void {
    this.#node.close()
    this.#tidier.close()
    this.#scout.close()
    this.#cache.clear()
  }

  /** Visitors of one site are a network of their own. @throws where the browser cannot do what it takes */
  async #openOverlay({ mesh }: SwarmTicket): Promise<void> {
    if (!('RTCPeerConnection' in globalThis)) return
    const platform = await browserPlatform()
    const transport = platform.makeTransport(mesh.iceServers)
    this.#node.openOverlay({ ...platform, transport, network: location.origin })
    browserClock.after(LIGHT_MS, () => this.#node.light(mesh.announce))
  }

  async #held(infoHash: InfoHash): Promise<readonly ChunkSpan[]> {
    const store = await this.#open()
    // A store that fails is an empty one: we download and share nothing of the past.
    return (store && (await withDeadline(store.runs(infoHash), STORE_MS).catch(() => undefined))) ?? []
  }

  #read(infoHash: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#cache.read(keyOf(infoHash, chunk), async () => {
      const store = await this.#open()
      return store && withDeadline(store.read(infoHash, chunk), STORE_MS)
    })
  }

  #open(): Promise<MergingStore | undefined> {
    this.#store ??= withDeadline(openMergingIndexedDb(), STORE_MS).catch(() => {
      this.#store = undefined
      return undefined
    })
    return this.#store
  }
}

function keyOf(infoHash: InfoHash, chunk: ChunkIndex): string {
  return `${infoHash}/${chunk}`
}
