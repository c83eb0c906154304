/** So many a second in the long run, so many at once after a rest, and so many at first. */
export class Allowance {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #lastMs: number

  constructor({ perSecond, burst, first }: { perSecond: number; burst: number; first: number }, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = first
    this.#lastMs = nowMs
  }

  /** @returns false, and takes nothing, when there is not enough left */
  take(count: number, nowMs: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (Math.max(0, nowMs - this.#lastMs) * this.#perSecond) / 1000)
    this.#lastMs = nowMs
    if (this.#left < count) return false
    this.#left -= count
    return true
  }
}
