import { HASH_LENGTH } from '../protocol/merkle.ts'
import { type ChunkIndex, MiB } from '../protocol/units.ts'

/** Bytes of hashes: those of half a gigabyte of chunks. */
const CAPACITY = 1 * MiB

/** Leaf hashes of the chunks that were asked for or collected last. */
export class LeafCache {
  readonly #entries = new Map<ChunkIndex, readonly Uint8Array[]>()
  #size = 0

  get(chunk: ChunkIndex): readonly Uint8Array[] | undefined {
    const leaves = this.#entries.get(chunk)
    if (leaves === undefined) return undefined
    // Map order is the order of use.
    this.#entries.delete(chunk)
    this.#entries.set(chunk, leaves)
    return leaves
  }

  add(chunk: ChunkIndex, leaves: readonly Uint8Array[]): void {
    this.#drop(chunk)
    this.#entries.set(chunk, leaves)
    this.#size += leaves.length * HASH_LENGTH
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= CAPACITY) break
      this.#drop(oldest)
    }
  }

  #drop(chunk: ChunkIndex): void {
    this.#size -= (this.#entries.get(chunk)?.length ?? 0) * HASH_LENGTH
    this.#entries.delete(chunk)
  }
}
