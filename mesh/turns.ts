/** Who was refused and has not asked again for so long wants nothing any more; longer than swarms take between two ticks. */
const PATIENCE_MS = 500

/**
 * Shares something scarce evenly: of those who want it, whoever had least is next. Nobody saves up: who comes back
 * after a rest starts where the others are.
 */
export class Turns<Who extends object> {
  /** What each has had; as its turn counts it, from the common start. */
  readonly #had = new WeakMap<Who, number>()
  /** Those who were refused, and when they last asked. */
  readonly #waiting = new Map<Who, number>()
  /** What the one who went last had had before. */
  #level = 0

  /** @returns false while somebody else is to go first; then `who` waits, and asks again */
  mayGo(who: Who, nowMs: number): boolean {
    const own = this.#hadBy(who)
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
    this.#waiting.set(who, nowMs)
  }

  went(who: Who, amount: number): void {
    this.#waiting.delete(who)
    this.#level = this.#hadBy(who)
    this.#had.set(who, this.#level + amount)
  }

  #hadBy(who: Who): number {
    return Math.max(this.#had.get(who) ?? 0, this.#level)
  }
}
