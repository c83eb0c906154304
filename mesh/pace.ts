/** A peer that delivers nothing for this long is silent, whatever its pace was. */
export const SILENCE_MS = 2_000
/** Less says nothing: so long a busy page or a radio that is handed over may take. */
const LEAST_MS = 300
/** So many times its longest pause of late is more than another pause; half as many are worth a doubt. */
const TIMES = 3
/** A pause counts 1/e after so long. */
const MEMORY_MS = 2_000

/** How long a peer pauses while something is asked of it, and so how soon it is silent. Constant work a block. */
export class Pace {
  #pauseMs: number | undefined
  #notedMs = 0

  /** It paused for `ms`, until now. */
  paused(ms: number, nowMs: number): void {
    this.#pauseMs = Math.max(ms, this.#longestMs(nowMs) ?? 0)
    this.#notedMs = nowMs
  }

  /** Whether a pause of `ms` is longer than those of late, so that it may be the last. */
  isLong(ms: number, nowMs: number): boolean {
    return ms > this.patienceMs(nowMs) / 2
  }

  /** How long it may deliver nothing before it is taken for gone. */
  patienceMs(nowMs: number): number {
    const longestMs = this.#longestMs(nowMs)
    return longestMs === undefined ? SILENCE_MS : Math.min(SILENCE_MS, Math.max(LEAST_MS, TIMES * longestMs))
  }

  /** Undefined while it has delivered nothing. */
  #longestMs(nowMs: number): number | undefined {
    return this.#pauseMs && this.#pauseMs * Math.exp((this.#notedMs - nowMs) / MEMORY_MS)
  }
}
