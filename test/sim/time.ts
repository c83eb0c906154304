import type { Clock } from '../../mesh/clock.ts'
import { TimerHeap } from './timer-heap.ts'

/** Events fall on a grid of this many milliseconds: those of one step share one turn of the microtask queue. */
const STEP_MS = 0.25

/** The real one: it is taken before anything replaces it. */
const nextTurn = setImmediate

/** Time as a number. It stands still while code runs, promises included, and then jumps to what is due next. */
export class VirtualTime implements Clock {
  #nowMs = 0
  readonly #timers = new TimerHeap()

  now(): number {
    return this.#nowMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = this.#timers.add(this.#onGrid(this.#nowMs + Math.max(0, ms)), run)
    return () => this.#timers.remove(timer)
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size
  }

  /** Runs until `work` settles. @throws Error when it does not within `mostMs`, or nothing is left that could happen */
  async until<T>(work: Promise<T>, mostMs: number): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    work.then(over, over)
    const endMs = this.#nowMs + mostMs
    await turn()
    while (!isOver) {
      const dueMs = this.#timers.nextMs
      if (dueMs === undefined || dueMs > endMs) throw new Error(`nothing came of it by ${this.#nowMs} ms`)
      await this.#step(dueMs)
    }
    return await work
  }

  async #step(dueMs: number): Promise<void> {
    this.#nowMs = dueMs
    while (this.#timers.nextMs === dueMs) this.#timers.takeNext()?.run()
    await turn()
  }

  #onGrid(ms: number): number {
    return Math.ceil(ms / STEP_MS) * STEP_MS
  }
}

/** Lets promises run until none has anything left to do. */
function turn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve))
}
