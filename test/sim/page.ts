import { MeshNode, type MeshStatus } from '../../mesh/mesh-node.ts'
import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { ChunkIndex } from '../../protocol/units.ts'
import type { HeldStore } from './held-store.ts'
import type { Tap } from './link.ts'
import type { Place } from './place.ts'
import { randomBytesOf } from './random.ts'

export interface PageOptions {
  readonly place: Place
  readonly store: HeldStore
  readonly sharing: boolean
  /** Never gives what it is asked for, though it says that it holds it. */
  readonly isDead?: boolean
  /** Sees what is sent. */
  readonly tap?: Tap | undefined
  readonly onStatus?: (status: MeshStatus) => void
}

/** What page-bridge/mesh-entry.ts is to a visitor: the mesh, and the bytes that it serves. */
export class Page {
  readonly #options: PageOptions
  readonly #node: MeshNode
  /** Chunks that are in memory, for they were brought by peers or are not stored yet. */
  readonly #memory = new Set<ChunkIndex>()

  constructor(options: PageOptions) {
    this.#options = options
    const { place, sharing } = options
    const { time, random, tracker, line } = place
    this.#node = new MeshNode({
      clock: time,
      randomBytes: randomBytesOf(random),
      openSocket: tracker.socketsOf(line),
      sharing,
      uploadLimit: Number.POSITIVE_INFINITY,
    })
  }

  async join(): Promise<MeshStatus> {
    const { place, store, tap, onStatus = () => undefined } = this.#options
    const { content, exchange, line } = place
    const held = await store.runs()
    return this.#node.join({
      infoHash: content.swarm.infoHash,
      chunkCount: content.swarm.chunkCount,
      files: content.swarm.files,
      announce: ['wss://tracker.sim/'],
      transport: exchange.transportOf({ line, tap }),
      held,
      read: (chunk) => this.#read(chunk),
      verify: content.verify,
      proofs: content.proofs,
      onStatus,
    })
  }

  get uploaded(): number {
    return this.#swarm?.swarm.uploaded ?? 0
  }

  get peers(): number {
    return this.#swarm?.swarm.peers ?? 0
  }

  async fetchChunk(chunk: ChunkIndex, deadlineMs: number): Promise<ArrayBuffer | undefined> {
    const bytes = await this.#swarm?.fetch(chunk, deadlineMs)
    if (bytes) this.hold(chunk)
    return bytes?.buffer
  }

  cancelChunk(chunk: ChunkIndex): void {
    this.#swarm?.cancel(chunk)
  }

  hold(chunk: ChunkIndex): void {
    this.#memory.add(chunk)
    this.stored({ first: chunk, after: (chunk + 1) as ChunkIndex })
  }

  stored(chunks: ChunkSpan): void {
    this.#swarm?.stored(chunks)
  }

  loading(chunks: readonly ChunkSpan[]): void {
    this.#swarm?.loading(chunks)
  }

  easeUpload(): void {
    this.#node.easeUpload()
  }

  close(): void {
    this.#node.close()
  }

  get #swarm() {
    return this.#node.swarm(this.#options.place.content.swarm.infoHash)
  }

  async #read(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { place, store, isDead } = this.#options
    if (isDead) return await new Promise(() => undefined)
    if (this.#memory.has(chunk)) return place.content.chunk(chunk)
    return await store.read(place.content.swarm.infoHash, chunk)
  }
}
