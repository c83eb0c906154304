/** Something that is done again and again. Times on the caller's clock. */
export interface Recurring {
  dueMs: number
}

/**
 * Who is next. Each queue is in the order in which its items are due, as all of one queue wait equally long: so every
 * operation costs the same however many items there are.
 */
export class Rota<T extends Recurring> {
  /** Never had a turn. */
  readonly #fresh = new Set<T>()
  readonly #soon = new Set<T>()
  readonly #later = new Set<T>()

  get size(): number {
    return this.#fresh.size + this.#soon.size + this.#later.size
  }

  /** Adds an item that is due at once. */
  add(item: T): void {
    item.dueMs = Number.NEGATIVE_INFINITY
    this.#fresh.add(item)
  }

  isFresh(item: T): boolean {
    return this.#fresh.has(item)
  }

  delete(item: T): void {
    for (const queue of [this.#fresh, this.#soon, this.#later]) queue.delete(item)
  }

  /** Everything is due at once, as if new. */
  restart(): void {
    for (const queue of [this.#soon, this.#later]) {
      for (const item of queue) this.add(item)
      queue.clear()
    }
  }

  /** The item that is due first. */
  get next(): T | undefined {
    const heads = [this.#fresh, this.#soon, this.#later].flatMap(([head]) => head ?? [])
    return heads.reduce<T | undefined>((first, head) => (first && first.dueMs <= head.dueMs ? first : head), undefined)
  }

  /** Puts an item at the end of a queue. */
  repeat(item: T, queue: 'soon' | 'later', dueMs: number): void {
    this.delete(item)
    item.dueMs = dueMs
    if (queue === 'soon') this.#soon.add(item)
    else this.#later.add(item)
  }
}
