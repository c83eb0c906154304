import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'

/** Which chunks are held, as runs in ascending order. Answers in O(log runs). */
export class RunIndex {
  #runs: ChunkSpan[]

  /** @param runs ascending, not overlapping */
  constructor(runs: readonly ChunkSpan[] = []) {
    this.#runs = [...runs]
  }

  get runs(): readonly ChunkSpan[] {
    return this.#runs
  }

  holds(chunk: number): boolean {
    return this.#runAt(chunk) !== undefined
  }

  /** The first chunk at or after `chunk` that is not held. */
  heldUntil(chunk: number): ChunkIndex {
    let at = chunk
    for (let run = this.#runAt(at); run; run = this.#runAt(at)) at = run.after
    return at as ChunkIndex
  }

  /** The first held chunk at or after `chunk`, or `limit` when there is none before it. */
  missingUntil(chunk: number, limit: number): ChunkIndex {
    if (this.holds(chunk)) return chunk as ChunkIndex
    const next = this.#runs[this.#after(chunk)]
    return Math.min(next?.first ?? limit, limit) as ChunkIndex
  }

  /** Adds a run. Chunks that are held already stay in their run. */
  add(run: ChunkSpan): void {
    for (const piece of this.missingIn(run)) this.#runs.splice(this.#after(piece.first), 0, piece)
  }

  /** Makes one run of those that fill `span` exactly. */
  merge(span: ChunkSpan): void {
    this.#runs = this.#runs.filter((run) => run.first < span.first || run.first >= span.after)
    this.#runs.splice(this.#after(span.first), 0, span)
  }

  /** The parts of `span` that are not held. */
  missingIn(span: ChunkSpan): ChunkSpan[] {
    const missing: ChunkSpan[] = []
    for (let at = this.heldUntil(span.first); at < span.after; ) {
      const after = this.missingUntil(at, span.after)
      missing.push({ first: at, after })
      at = this.heldUntil(after)
    }
    return missing
  }

  #runAt(chunk: number): ChunkSpan | undefined {
    const run = this.#runs[this.#after(chunk) - 1]
    return run && chunk < run.after ? run : undefined
  }

  /** Position of the first run that starts after `chunk`. */
  #after(chunk: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#runs[middle]?.first ?? 0) <= chunk) low = middle + 1
      else high = middle
    }
    return low
  }
}
