import { expose, transfer } from 'comlink'
import type { ChunkRequest, MeshEvent, MeshHost, SwarmTicket } from '../protocol/bridge.ts'
import { DOWN, JOINING, type SwarmStatus } from '../protocol/delivery.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { firstFrames } from './first-frames.ts'

/** What `tributary-mesh.js` exports. */
export interface MeshModule {
  createMesh(options: MeshOptions): Mesh
}

export interface MeshOptions {
  readonly sharing: boolean
  /** Bytes per second over all swarms; Infinity for no cap. */
  readonly uploadLimit: number
  /** Told of all that is uploaded, as it is. */
  readonly onUpload?: (bytes: number) => void
  readonly onStatus: (infoHash: InfoHash, status: SwarmStatus) => void
}

/** A running mesh. */
export interface Mesh extends Omit<MeshHost, 'setSharing'> {
  setSharing(sharing: boolean): void
  /** Uploads hold back for some seconds. */
  easeUpload(): void
  /** Says goodbye to trackers and peers. */
  close(): void
}

export interface LazyMeshOptions {
  readonly load: () => Promise<MeshModule>
  readonly uploadLimit: number
  readonly isSharing: () => boolean
  readonly onUpload: (bytes: number) => void
  /** The worker turned upload on or off. */
  readonly onSharing: (sharing: boolean) => void
}

/** A first join waits this long for the mesh script; then it goes on in the background. */
const LOAD_MS = 1_000

/** To start takes a page a quarter of a second on a busy machine: a film that is about to begin goes first, if it does so soon. */
const FIRST_FRAMES_MS = 1_000

/**
 * The MeshHost that a page offers. The mesh itself is loaded when the worker first joins a swarm, so that pages
 * without videos and downloads never fetch it.
 */
export class LazyMesh implements MeshHost {
  readonly #options: LazyMeshOptions
  #mesh: Promise<Mesh | undefined> | undefined
  #events: MessagePort | undefined
  #calls: MessagePort | undefined

  constructor(options: LazyMeshOptions) {
    this.#options = options
  }

  /** New ports for a worker; earlier ones belonged to one that is gone. */
  ports(): { readonly calls: MessagePort; readonly events: MessagePort } {
    this.#calls?.close()
    this.#events?.close()
    const calls = new MessageChannel()
    const events = new MessageChannel()
    expose(this, calls.port1)
    this.#calls = calls.port1
    this.#events = events.port1
    return { calls: calls.port2, events: events.port2 }
  }

  async join(ticket: SwarmTicket): Promise<SwarmStatus> {
    const joined = this.#load(true).then(async (mesh) => {
      const status = (await mesh?.join(ticket)) ?? DOWN
      this.#post(ticket.infoHash, status)
      return status
    })
    const late = new Promise<SwarmStatus>((resolve) => setTimeout(resolve, LOAD_MS, JOINING))
    return await Promise.race([joined, late])
  }

  async leave(infoHash: InfoHash): Promise<void> {
    await (await this.#load(false))?.leave(infoHash)
  }

  async fetchChunk(request: ChunkRequest): Promise<ArrayBuffer | undefined> {
    const bytes = await (await this.#load(false))?.fetchChunk(request)
    return bytes && transfer(bytes, [bytes])
  }

  async cancelChunk(infoHash: InfoHash, chunk: ChunkIndex): Promise<void> {
    await (await this.#load(false))?.cancelChunk(infoHash, chunk)
  }

  async hold(infoHash: InfoHash, chunk: ChunkIndex, bytes: ArrayBuffer): Promise<void> {
    await (await this.#load(false))?.hold(infoHash, chunk, bytes)
  }

  async stored(infoHash: InfoHash, chunks: ChunkSpan): Promise<void> {
    await (await this.#load(false))?.stored(infoHash, chunks)
  }

  async loading(infoHash: InfoHash, chunks: readonly ChunkSpan[]): Promise<void> {
    await (await this.#load(false))?.loading(infoHash, chunks)
  }

  async dropped(infoHash: InfoHash): Promise<void> {
    await (await this.#load(false))?.dropped(infoHash)
  }

  async setSharing(sharing: boolean): Promise<void> {
    this.#options.onSharing(sharing)
  }

  /** Whether upload is allowed has changed. */
  applySharing(allowed: boolean): void {
    void this.#load(false).then((mesh) => mesh?.setSharing(allowed))
  }

  /** The visitor's page suffers. */
  easeUpload(): void {
    void this.#load(false).then((mesh) => mesh?.easeUpload())
  }

  close(): void {
    void this.#load(false).then((mesh) => mesh?.close())
    this.#mesh = undefined
  }

  /** The mesh; undefined when it was not needed yet, or its script cannot be loaded. */
  #load(start: boolean): Promise<Mesh | undefined> {
    if (this.#mesh === undefined && start) {
      const loading = this.#start().catch(() => {
        if (this.#mesh === loading) this.#mesh = undefined // blocked or broken: the next join may try again
        return undefined
      })
      this.#mesh = loading
    }
    return this.#mesh ?? Promise.resolve(undefined)
  }

  async #start(): Promise<Mesh> {
    const { load, isSharing, uploadLimit, onUpload } = this.#options
    await firstFrames(document.querySelectorAll<HTMLMediaElement>('video, audio'), FIRST_FRAMES_MS)
    const { createMesh } = await load()
    return createMesh({
      sharing: isSharing(),
      uploadLimit,
      onUpload,
      onStatus: (infoHash, status) => this.#post(infoHash, status),
    })
  }

  #post(infoHash: InfoHash, status: SwarmStatus): void {
    this.#events?.postMessage({ type: 'status', infoHash, status } satisfies MeshEvent)
  }
}
