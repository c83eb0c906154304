import type { ChunkSpan } from '../protocol/geometry.ts'

/** Which chunks are held, as runs in ascending order. */
export class RunIndex {
  #runs: ChunkSpan[]

  /** @param runs ascending, not overlapping */
  constructor(runs: readonly ChunkSpan[] = []) {
    this.#runs = [...runs]
  }

  get runs(): readonly ChunkSpan[] {
    return this.#runs
  }

  /** Takes O(log runs). */
  holds(chunk: number): boolean {
    const run = this.#runs[this.#after(chunk) - 1]
    return run !== undefined && chunk < run.after
  }

  /** Adds a run. Chunks that are held already stay in their run. */
  add(run: ChunkSpan): void {
    for (const piece of this.missingIn(run)) this.#runs.splice(this.#after(piece.first), 0, piece)
  }

  /** The parts of `span` that are not held. */
  missingIn(span: ChunkSpan): ChunkSpan[] {
    const missing: ChunkSpan[] = []
    let at = span.first
    for (const { first, after } of this.#runs) {
      if (after <= at) continue
      if (first >= span.after) break
      if (first > at) missing.push({ first: at, after: first })
      at = after
    }
    if (at < span.after) missing.push({ first: at, after: span.after })
    return missing
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
