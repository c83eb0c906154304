import type { Mesh, MeshModule } from '../../../page-bridge/lazy-mesh.ts'
import type { SwarmTicket } from '../../../protocol/bridge.ts'
import type { SwarmStatus } from '../../../protocol/delivery.ts'
import type { ChunkSpan } from '../../../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, KiB } from '../../../protocol/units.ts'
import { openIndexedDb } from '../../../store/indexeddb.ts'

// The mesh of a page without a worker: what tributary-mesh.js does when it is called directly.

const CHUNK = 256 * KiB

/** What a test says about the swarm that its pages share. */
export interface MeshSetting {
  readonly infoHash: string
  readonly chunkCount: number
  /** Bytes of the chunk hashes. */
  readonly hashes: readonly number[]
}

export class MeshKit {
  #mesh: Mesh | undefined
  #status: SwarmStatus | undefined
  #infoHash = '' as InfoHash
  #chunkCount = 0

  /** @param content what the page holds: nothing, the right bytes, or wrong ones */
  async join({ infoHash, chunkCount, hashes }: MeshSetting, content: 'nothing' | 'right' | 'wrong'): Promise<void> {
    this.#infoHash = infoHash as InfoHash
    this.#chunkCount = chunkCount
    if (content !== 'nothing') {
      const { chunks } = await openIndexedDb()
      const shift = content === 'wrong' ? 1 : 0
      await chunks.write(
        this.#infoHash,
        0 as ChunkIndex,
        Array.from({ length: chunkCount }, (_, i) => bytesOf(i + shift)),
      )
    }
    const module: MeshModule = await import(new URL('/tributary-mesh.js', location.href).href)
    this.#mesh = module.createMesh({
      sharing: true,
      uploadLimit: Number.POSITIVE_INFINITY,
      onStatus: (_, status) => {
        this.#status = status
      },
    })
    this.#status = await this.#mesh.join(this.#ticket(hashes))
  }

  /** Peers, chunks on offer and bytes given, as last reported. */
  status(): { peers: number; available: number; uploaded: number } {
    const { peers = 0, available = new Uint8Array(), uploaded = 0 } = this.#status ?? {}
    const bits = Array.from(available, (byte) => byte.toString(2).replaceAll('0', '').length)
    return { peers, available: bits.reduce((sum, count) => sum + count, 0), uploaded }
  }

  /** Fetches all chunks at once. @returns how many came with the right bytes, and how long it took */
  async fetchAll(): Promise<{ right: number; ms: number }> {
    const startedAt = performance.now()
    const fetched = await Promise.all(Array.from({ length: this.#chunkCount }, (_, chunk) => this.#fetch(chunk)))
    const ms = performance.now() - startedAt
    const right = fetched.filter((bytes, i) => bytes !== undefined && same(new Uint8Array(bytes), bytesOf(i))).length
    return { right, ms }
  }

  /** Says that the fetched chunks are stored, as the worker does. */
  async stored(chunks: { first: number; after: number }): Promise<void> {
    await this.#mesh?.stored(this.#infoHash, chunks as ChunkSpan)
  }

  close(): void {
    this.#mesh?.close()
  }

  #fetch(chunk: number): Promise<ArrayBuffer | undefined> {
    const request = { infoHash: this.#infoHash, chunk: chunk as ChunkIndex, deadlineMs: 30_000 }
    return this.#mesh?.fetchChunk(request) ?? Promise.resolve(undefined)
  }

  #ticket(hashes: readonly number[]): SwarmTicket {
    const { host } = location
    const file = { size: this.#chunkCount * CHUNK, firstChunk: 0 as ChunkIndex, chunkSize: CHUNK }
    return {
      infoHash: this.#infoHash,
      chunkSize: CHUNK,
      chunkCount: this.#chunkCount,
      hashes: Uint8Array.from(hashes).buffer,
      files: [file],
      mesh: { announce: [`ws://${host}/announce`], iceServers: [] },
    }
  }
}

/** Noise that a chunk's number determines (xorshift32). */
export function bytesOf(chunk: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(CHUNK / 4)
  let state = Math.imul(chunk + 1, 2654435761)
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return new Uint8Array(words.buffer)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
