/** Who was refused and has not asked again for so long wants nothing any more; longer than swarms take between two ticks. */
const PATIENCE_MS = 500

/**
 * Shares something scarce evenly: of those who want it, whoever had least is next. Nobody saves up: who comes back
 * after a rest starts where the others are.
 */
export class Turns<Who extends object> {
  /** What each has had, counted from the common start. */
  readonly #had = new WeakMap<Who, number>()
  /** Those who were refused, and when they last asked. */
  readonly #waiting = new Map<Who, number>()
  /** Where whoever comes now starts: what those have had who had least. */
  #level = 0

  /**
   * @param lead how far it may be ahead of those who wait, for as long as they need to come round and ask
   * @returns false while somebody else is to go first; then `who` waits, and asks again
   */
  mayGo(who: Who, nowMs: number, lead = 0): boolean {
    const own = this.#hadBy(who) - lead
    for (const [other, askedMs] of this.#waiting) {
      if (nowMs - askedMs > PATIENCE_MS) this.#waiting.delete(other)
      else if (other !== who && this.#hadBy(other) < own) {
        this.wait(who, nowMs)
        return false
      }
    }
    return true
  }

  /** It is its turn, and there is nothing to be had. */
  wait(who: Who, nowMs: number): void {
    this.#had.set(who, this.#hadBy(who))
    this.#waiting.set(who, nowMs)
  }

  went(who: Who, amount: number): void {
    const had = this.#hadBy(who)
    this.#waiting.delete(who)
    this.#had.set(who, had + amount)
    this.#level = Math.max(this.#level, Math.min(had, ...[...this.#waiting.keys()].map((other) => this.#hadBy(other))))
  }

  #hadBy(who: Who): number {
    const had = this.#had.get(who) ?? 0
    // Who waits keeps its place.
    return this.#waiting.has(who) ? had : Math.max(had, this.#level)
  }
}
