/** What was longer ago counts less and less. */
const WINDOW_MS = 3_000

/** So long nothing may come before it is called slow. */
const PATIENCE_MS = 1_000

/** How fast bytes come of late, while something is under way. */
export class Throughput {
  #bytes = 0
  #busyMs = 0
  #underWay = 0
  #sinceMs = 0
  readonly #leastBytes: number

  /** @param leastBytes it is too early to tell from less, if it came in time */
  constructor(leastBytes = 1) {
    this.#leastBytes = leastBytes
  }

  /** Something was asked for. */
  begin(): void {
    this.#settle()
    this.#underWay++
  }

  /** It is here, or will not come. */
  end(): void {
    this.#settle()
    this.#underWay--
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** Bytes per millisecond; undefined while it is too early to tell. */
  get perMs(): number | undefined {
    this.#settle()
    return this.#bytes < this.#leastBytes && this.#busyMs < PATIENCE_MS
      ? undefined
      : this.#bytes / Math.max(1, this.#busyMs)
  }

  #settle(): void {
    const now = Date.now()
    if (this.#underWay > 0) this.#busyMs += now - this.#sinceMs
    this.#sinceMs = now
    if (this.#busyMs <= WINDOW_MS) return
    this.#bytes *= WINDOW_MS / this.#busyMs
    this.#busyMs = WINDOW_MS
  }
}
