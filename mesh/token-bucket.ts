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

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /** From now on: what was saved up at another rate is gone. */
  set bytesPerSecond(limit: number) {
    if (limit === this.#bytesPerSecond) return
    this.#bytesPerSecond = limit
    this.#tokens = Math.min(this.#tokens, 0)
  }

  /** Takes `bytes` when anything is left; the rest is owed. */
  take(bytes: number, nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#lastMs) * this.#bytesPerSecond) / 1000
    this.#lastMs = nowMs
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return true
    this.#tokens = Math.min(this.#bytesPerSecond, this.#tokens + earned)
    if (this.#tokens <= 0) return false
    this.#tokens -= bytes
    return true
  }
}
