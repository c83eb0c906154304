import type { Clock } from '../../mesh/clock.ts'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

/** Real time, with leaps: what would be due in between is done in its order. So hours of nothing pass in no time. */
export class LeapingClock implements Clock {
  #aheadMs = 0
  readonly #timers = new Set<Timer>()
  #wake: NodeJS.Timeout | undefined

  now(): number {
    return performance.now() + this.#aheadMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.now() + ms, run }
    this.#timers.add(timer)
    this.#sleep()
    return () => this.#timers.delete(timer)
  }

  /** @param stepMs between steps the rest of the process gets its turn */
  async leap(ms: number, stepMs: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#aheadMs += Math.min(left, stepMs)
      this.#fire()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  #fire(): void {
    for (let timer = this.#next; timer !== undefined && timer.atMs <= this.now(); timer = this.#next) {
      this.#timers.delete(timer)
      timer.run()
    }
    this.#sleep()
  }

  get #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (first === undefined || timer.atMs < first.atMs) first = timer
    return first
  }

  #sleep(): void {
    clearTimeout(this.#wake)
    const { atMs } = this.#next ?? {}
    if (atMs !== undefined) this.#wake = setTimeout(() => this.#fire(), Math.max(0, atMs - this.now()))
  }
}
