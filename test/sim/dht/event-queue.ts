interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: runs what is due in order of time, and of being asked for within the same moment. */
export class EventQueue {
  nowMs = 0
  readonly #heap: Event[] = []
  #lastOrder = 0

  get length(): number {
    return this.#heap.length
  }

  at(atMs: number, run: () => void): void {
    this.#push({ atMs: Math.max(this.nowMs, atMs), order: this.#lastOrder++, run })
  }

  after(ms: number, run: () => void): void {
    this.at(this.nowMs + ms, run)
  }

  runUntil(endMs: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= endMs; first = this.#heap[0]) {
      this.#pop()
      this.nowMs = first.atMs
      first.run()
    }
    this.nowMs = endMs
  }

  #push(event: Event): void {
    let at = this.#heap.length
    this.#heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = this.#heap[up]
      if (above === undefined || isBefore(above, event)) break
      this.#heap[at] = above
      at = up
    }
    this.#heap[at] = event
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    let at = 0
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let down = left
      let below = this.#heap[left]
      const other = this.#heap[right]
      if (below !== undefined && other !== undefined && isBefore(other, below)) {
        down = right
        below = other
      }
      if (below === undefined || isBefore(last, below)) break
      this.#heap[at] = below
      at = down
    }
    this.#heap[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
