/** Bytes per second, as an average that forgets with a time constant of a few seconds. Constant work a sample. */
export class RateMeter {
  readonly #constantMs: number
  #weight = 0
  #elapsedMs = 0
  #lastMs: number | undefined

  /** @param constantMs what happened this long ago counts 1/e */
  constructor(constantMs = 3000) {
    this.#constantMs = constantMs
  }

  /** Starts or goes on counting time. */
  resume(nowMs: number): void {
    this.#lastMs ??= nowMs
  }

  /** Time until the next `resume` does not count: nothing was asked for. */
  pause(nowMs: number): void {
    this.#decay(nowMs)
    this.#lastMs = undefined
  }

  add(bytes: number, nowMs: number): void {
    this.resume(nowMs)
    this.#decay(nowMs)
    this.#weight += bytes
  }

  /** Bytes per second; undefined until a tenth of a second has been measured. */
  perSecond(nowMs: number): number | undefined {
    this.#decay(nowMs)
    if (this.#elapsedMs < 100) return undefined
    // A young average has seen only part of its window.
    const window = this.#constantMs * (1 - Math.exp(-this.#elapsedMs / this.#constantMs))
    return (this.#weight / window) * 1000
  }

  #decay(nowMs: number): void {
    if (this.#lastMs === undefined) return
    const passed = Math.max(0, nowMs - this.#lastMs)
    this.#weight *= Math.exp(-passed / this.#constantMs)
    this.#elapsedMs += passed
    this.#lastMs = nowMs
  }
}
