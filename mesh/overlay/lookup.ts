import type { ChunkIndex } from '../../protocol/units.ts'
import { hasBit } from '../../protocol/wire/bitfield.ts'
import { type Id, REGION_CHUNKS } from '../dht/id.ts'
import type { Provider } from '../dht/io.ts'

export interface LookupHooks {
  /** The search goes on without this client. */
  useless(id: Id): void
  stop(): void
}

/** Clients that hold a chunk, by their own signed word, as they are found. */
export class Lookup implements AsyncIterableIterator<Id> {
  readonly #chunk: ChunkIndex | undefined
  readonly #hooks: LookupHooks
  readonly #found: Id[] = []
  #isOver = false
  #wakers: (() => void)[] = []

  /** @param chunk undefined: any of the region */
  constructor(chunk: ChunkIndex | undefined, hooks: LookupHooks) {
    this.#chunk = chunk
    this.#hooks = hooks
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Id, undefined>> {
    for (;;) {
      const value = this.#found.shift()
      if (value !== undefined) return { done: false, value }
      if (this.#isOver) return { done: true, value: undefined }
      await new Promise<void>((resolve) => this.#wakers.push(resolve))
    }
  }

  /** Ends the search. */
  async return(): Promise<IteratorResult<Id, undefined>> {
    this.#hooks.stop()
    this.searched()
    return { done: true, value: undefined }
  }

  /** This client is not there, or has not the chunk: others are looked for. */
  useless(id: Id): void {
    this.#isOver = false
    this.#hooks.useless(id)
  }

  /** @param providers of the chunk's region */
  found(providers: readonly Provider[]): void {
    for (const { id, bits } of providers) {
      if (this.#chunk === undefined || hasBit(bits, this.#chunk % REGION_CHUNKS)) this.#found.push(id)
      else this.useless(id)
    }
    this.#wake()
  }

  /** Nobody else is to be found. */
  searched(): void {
    this.#isOver = true
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}
