export interface Timer {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  /** Where it is in the heap; -1 when it is not. */
  place: number
}

/** Timers by time, those of one moment in the order in which they were set. Most are taken back before they are due. */
export class TimerHeap {
  readonly #heap: Timer[] = []
  #lastOrder = 0

  get size(): number {
    return this.#heap.length
  }

  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  add(atMs: number, run: () => void): Timer {
    const timer: Timer = { atMs, order: this.#lastOrder++, run, place: this.#heap.length }
    this.#heap.push(timer)
    this.#rise(timer)
    return timer
  }

  takeNext(): Timer | undefined {
    const [next] = this.#heap
    if (next) this.remove(next)
    return next
  }

  remove(timer: Timer): void {
    const { place } = timer
    if (place < 0) return
    timer.place = -1
    const last = this.#heap.pop()
    if (last === undefined || last === timer) return
    this.#put(last, place)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(timer: Timer): void {
    while (timer.place > 0) {
      const parent = this.#heap[(timer.place - 1) >> 1]
      if (parent === undefined || isBefore(parent, timer)) return
      this.#swap(parent, timer)
    }
  }

  #sink(timer: Timer): void {
    for (;;) {
      const left = this.#heap[2 * timer.place + 1]
      const right = this.#heap[2 * timer.place + 2]
      const least = right !== undefined && left !== undefined && isBefore(right, left) ? right : left
      if (least === undefined || isBefore(timer, least)) return
      this.#swap(timer, least)
    }
  }

  /** Exchanges a timer with its child. */
  #swap(above: Timer, below: Timer): void {
    const [high, low] = [above.place, below.place]
    this.#put(below, high)
    this.#put(above, low)
  }

  #put(timer: Timer, place: number): void {
    this.#heap[place] = timer
    timer.place = place
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
