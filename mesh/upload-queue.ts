import type { ChunkIndex } from '../protocol/units.ts'
import type { BlockSpan } from '../protocol/wire/messages.ts'

/** Requests kept for one peer; announced as `reqq`. More are refused. */
export const UPLOAD_QUEUE = 256

/** What one peer has asked us for, oldest first, and the bytes of the chunk at the head. */
export class UploadQueue {
  readonly #spans: BlockSpan[] = []
  /** One chunk at most: requests come chunk after chunk. */
  #loaded: { readonly chunk: ChunkIndex; readonly bytes: Uint8Array } | undefined

  get head(): BlockSpan | undefined {
    return this.#spans[0]
  }

  /** @returns false when the queue is full or holds it already */
  add(span: BlockSpan): boolean {
    if (this.#spans.length >= UPLOAD_QUEUE || this.#spans.some((other) => sameSpan(other, span))) return false
    this.#spans.push(span)
    return true
  }

  /** @returns whether it was there */
  cancel(span: BlockSpan): boolean {
    const at = this.#spans.findIndex((other) => sameSpan(other, span))
    if (at >= 0) this.#spans.splice(at, 1)
    return at >= 0
  }

  load(chunk: ChunkIndex, bytes: Uint8Array): void {
    this.#loaded = { chunk, bytes }
  }

  /** The chunk that is asked for after the head's. Walks the queue: meant for once a chunk. */
  get nextChunk(): ChunkIndex | undefined {
    const { head } = this
    return this.#spans.find((span) => span.chunk !== head?.chunk)?.chunk
  }

  /** Bytes of the head's block, or undefined when its chunk is not loaded. Zeros stand after the chunk's own bytes. */
  get headBytes(): Uint8Array | undefined {
    const { head } = this
    if (head === undefined || this.#loaded?.chunk !== head.chunk) return undefined
    const view = this.#loaded.bytes.subarray(head.offset, head.offset + head.length)
    if (view.length === head.length) return view
    const padded = new Uint8Array(head.length)
    padded.set(view)
    return padded
  }

  shift(): void {
    this.#spans.shift()
    if (this.#spans.length === 0) this.#loaded = undefined
  }

  /** Removes the requests for one chunk, or all. @returns them */
  take(chunk?: ChunkIndex): BlockSpan[] {
    const taken = this.#spans.filter((span) => chunk === undefined || span.chunk === chunk)
    const kept = chunk === undefined ? [] : this.#spans.filter((span) => span.chunk !== chunk)
    this.#spans.splice(0, this.#spans.length, ...kept)
    if (kept.length === 0) this.#loaded = undefined
    return taken
  }
}

function sameSpan(a: BlockSpan, b: BlockSpan): boolean {
  return a.chunk === b.chunk && a.offset === b.offset && a.length === b.length
}
