import type { ChunkIndex } from '../protocol/units.ts'
import type { BlockSpan } from '../protocol/wire/messages.ts'

/** Requests kept for one peer; announced as `reqq`. More are refused. */
export const UPLOAD_QUEUE = 256

/** What one peer has asked us for, oldest first, and the bytes of the chunks that are next. */
export class UploadQueue {
  readonly #spans: BlockSpan[] = []
  /** Chunks that are asked for. */
  readonly #loaded = new Map<ChunkIndex, Uint8Array>()
  /** Nothing was asked for when it last rested, nor since. */
  #isResting = false

  get head(): BlockSpan | undefined {
    return this.#spans[0]
  }

  /** @returns false when the queue is full or holds it already */
  add(span: BlockSpan): boolean {
    if (this.#spans.length >= UPLOAD_QUEUE || this.#spans.some((other) => sameSpan(other, span))) return false
    this.#spans.push(span)
    this.#isResting = false
    return true
  }

  /** @returns whether it was there */
  cancel(span: BlockSpan): boolean {
    const at = this.#spans.findIndex((other) => sameSpan(other, span))
    if (at < 0) return false
    this.#spans.splice(at, 1)
    if (!this.#wants(span.chunk)) this.#loaded.delete(span.chunk)
    return true
  }

  /** Keeps a chunk for as long as it is asked for. */
  load(chunk: ChunkIndex, bytes: Uint8Array): void {
    if (this.#wants(chunk)) this.#loaded.set(chunk, bytes)
  }

  /** Lets go of all chunks but these. */
  keep(chunks: ReadonlySet<ChunkIndex>): void {
    for (const chunk of this.#loaded.keys()) if (!chunks.has(chunk)) this.#loaded.delete(chunk)
  }

  isLoaded(chunk: ChunkIndex): boolean {
    return this.#loaded.has(chunk)
  }

  /** The chunks that are asked for, the head's first. Walks the queue as far as it is iterated. */
  *chunks(): Generator<ChunkIndex, void, undefined> {
    const seen = new Set<ChunkIndex>()
    for (const { chunk } of this.#spans) {
      if (seen.has(chunk)) continue
      seen.add(chunk)
      yield chunk
    }
  }

  /** Bytes of the head's block, or undefined when its chunk is not loaded. Zeros stand after the chunk's own bytes. */
  get headBytes(): Uint8Array | undefined {
    const { head } = this
    const bytes = head && this.#loaded.get(head.chunk)
    if (head === undefined || bytes === undefined) return undefined
    const view = bytes.subarray(head.offset, head.offset + head.length)
    if (view.length === head.length) return view
    const padded = new Uint8Array(head.length)
    padded.set(view)
    return padded
  }

  /**
   * Requests come chunk after chunk: what is left behind is hardly needed again. Who has asked for nothing more goes on in
   * a moment: a chunk that was dropped meanwhile would be read and hashed anew for a few blocks.
   */
  shift(): void {
    const gone = this.#spans.shift()
    if (gone !== undefined && this.head !== undefined && this.head.chunk !== gone.chunk) this.#loaded.delete(gone.chunk)
  }

  /** To be called now and then: for a peer that has asked for nothing since the last time, nothing is kept. */
  rest(): void {
    if (this.#isResting) this.#loaded.clear()
    this.#isResting = this.head === undefined
  }

  /** Removes the requests for one chunk, or all. @returns them */
  take(chunk?: ChunkIndex): BlockSpan[] {
    const taken = this.#spans.filter((span) => chunk === undefined || span.chunk === chunk)
    const kept = chunk === undefined ? [] : this.#spans.filter((span) => span.chunk !== chunk)
    this.#spans.splice(0, this.#spans.length, ...kept)
    if (chunk === undefined) this.#loaded.clear()
    else this.#loaded.delete(chunk)
    return taken
  }

  #wants(chunk: ChunkIndex): boolean {
    return this.#spans.some((span) => span.chunk === chunk)
  }
}

function sameSpan(a: BlockSpan, b: BlockSpan): boolean {
  return a.chunk === b.chunk && a.offset === b.offset && a.length === b.length
}
