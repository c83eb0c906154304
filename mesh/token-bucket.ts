/** Caps a rate; lets one second's worth through at once, so that throttled timers do not lower it. */
export class TokenBucket {
  #bytesPerSecond: number
  #tokens: number
  #lastMs: number

  /** @param bytesPerSecond Infinity for no cap */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond
    this.#tokens = bytesPerSecond
    this.#lastMs = nowMs
  }

  set bytesPerSecond(limit: number) {
    this.#bytesPerSecond = limit
    this.#tokens = Math.min(this.#tokens, limit)
    if (Number.isNaN(this.#tokens)) this.#tokens = limit
  }

  /** Takes `bytes` when anything is left; the rest is owed. */
  take(bytes: number, nowMs: number): boolean {
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return true
    const earned = (Math.max(0, nowMs - this.#lastMs) * this.#bytesPerSecond) / 1000
    this.#tokens = Math.min(this.#bytesPerSecond, this.#tokens + earned)
    this.#lastMs = nowMs
    if (this.#tokens <= 0) return false
    this.#tokens -= bytes
    return true
  }
}
