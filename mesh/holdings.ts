import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { bitfieldLength, clearBit, hasBit, setBit } from '../protocol/wire/bitfield.ts'

/** Which chunks we hold, and what peers are told of that. */
export class Holdings {
  /** In wire order. */
  readonly own: Uint8Array<ArrayBuffer>
  readonly #nothing: Uint8Array<ArrayBuffer>
  readonly #chunkCount: number
  #count = 0
  #sharing: boolean

  constructor(chunkCount: number, sharing: boolean) {
    this.#chunkCount = chunkCount
    this.#sharing = sharing
    this.own = new Uint8Array(bitfieldLength(chunkCount))
    this.#nothing = new Uint8Array(this.own.length)
  }

  get sharing(): boolean {
    return this.#sharing
  }

  /** What we say that we hold: nothing while we do not share. */
  get advertised(): Uint8Array {
    return this.#sharing ? this.own : this.#nothing
  }

  get missing(): number {
    return this.#chunkCount - this.#count
  }

  has(chunk: ChunkIndex): boolean {
    return hasBit(this.own, chunk)
  }

  /** Whether peers are given this chunk. */
  gives(chunk: ChunkIndex): boolean {
    return this.#sharing && this.has(chunk)
  }

  /** @returns the chunks that peers are to be told of */
  add({ first, after }: ChunkSpan): ChunkIndex[] {
    const added: ChunkIndex[] = []
    for (let chunk = first; chunk < Math.min(after, this.#chunkCount); chunk++) {
      if (this.has(chunk)) continue
      setBit(this.own, chunk)
      added.push(chunk)
    }
    this.#count += added.length
    return this.#sharing ? added : []
  }

  /** @returns the chunks that peers were told of and that are gone */
  remove({ first, after }: ChunkSpan): ChunkIndex[] {
    const removed: ChunkIndex[] = []
    for (let chunk = first; chunk < Math.min(after, this.#chunkCount); chunk++) {
      if (!this.has(chunk)) continue
      clearBit(this.own, chunk)
      removed.push(chunk)
    }
    this.#count -= removed.length
    return this.#sharing ? removed : []
  }

  /** @returns the chunks that peers are to be told of; undefined when nothing changes */
  setSharing(sharing: boolean): ChunkIndex[] | undefined {
    if (this.#sharing === sharing) return undefined
    this.#sharing = sharing
    const held: ChunkIndex[] = []
    if (sharing)
      for (let chunk = 0 as ChunkIndex; chunk < this.#chunkCount; chunk++) if (this.has(chunk)) held.push(chunk)
    return held
  }
}
