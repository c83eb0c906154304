import type { ChunkIndex } from '../protocol/units.ts'
import { Assembly } from './assembly.ts'
import type { Peer } from './peer.ts'

/** Wanted chunks of one swarm; more are given up at once. */
export const MAX_WANTS = 4096

export class Want {
  readonly chunk: ChunkIndex
  /** On the driver's clock. */
  deadlineMs: number
  /** Who is asked. */
  readonly sources = new Set<Peer>()
  /** Nobody is asked for some of it. */
  isOpen = true
  /** How often the whole of it is being hashed. */
  checks = 0
  /** Peers that were asked for its leaf hashes. */
  readonly askedForLeaves = new Set<Peer>()
  readonly #length: number
  #assembly: Assembly<Peer> | undefined

  /** @param length bytes of the chunk */
  constructor(chunk: ChunkIndex, length: number, deadlineMs: number) {
    this.chunk = chunk
    this.#length = length
    this.deadlineMs = deadlineMs
  }

  /** Made when it is first needed: most wants wait. */
  get assembly(): Assembly<Peer> {
    this.#assembly ??= new Assembly(this.#length)
    return this.#assembly
  }
}

/** Wanted chunks, the most urgent first, equals in the order in which they came. */
export class Wants {
  readonly #lengthOf: (chunk: ChunkIndex) => number
  readonly #byChunk = new Map<ChunkIndex, Want>()
  #sorted: Want[] = []
  #isSorted = true
  #open = 0
  /** Grows whenever there is new work: a peer that found nothing need not look again before. */
  version = 0

  constructor(lengthOf: (chunk: ChunkIndex) => number) {
    this.#lengthOf = lengthOf
  }

  get size(): number {
    return this.#byChunk.size
  }

  /** Whether a chunk waits for a peer. */
  get anyOpen(): boolean {
    return this.#open > 0
  }

  get(chunk: ChunkIndex): Want | undefined {
    return this.#byChunk.get(chunk)
  }

  /** Adds a chunk, or makes it as urgent as `deadlineMs`. @returns false when there are too many */
  add(chunk: ChunkIndex, deadlineMs: number): boolean {
    const known = this.#byChunk.get(chunk)
    if (known) {
      known.deadlineMs = deadlineMs
      this.#isSorted = false
      this.version++
      return true
    }
    if (this.#byChunk.size >= MAX_WANTS) return false
    const want = new Want(chunk, this.#lengthOf(chunk), deadlineMs)
    this.#byChunk.set(chunk, want)
    const last = this.#sorted[this.#sorted.length - 1]
    if (last !== undefined && last.deadlineMs > deadlineMs) this.#isSorted = false
    this.#sorted.push(want)
    this.#open++
    this.version++
    return true
  }

  remove(want: Want): void {
    if (!this.#byChunk.delete(want.chunk)) return
    if (want.isOpen) this.#open--
    want.isOpen = false
    for (const peer of want.sources) peer.assigned.delete(want)
    want.sources.clear()
    const at = this.#sorted.indexOf(want)
    if (at >= 0) this.#sorted.splice(at, 1)
  }

  enlist(want: Want, peer: Peer): void {
    want.sources.add(peer)
    peer.assigned.add(want)
    this.review(want)
  }

  /** A peer has brought its draft of a chunk. */
  finish(want: Want, peer: Peer): void {
    want.sources.delete(peer)
    peer.assigned.delete(want)
  }

  /** A peer will bring nothing more of a chunk. */
  release(want: Want, peer: Peer): void {
    this.finish(want, peer)
    want.assembly.release(peer)
    this.review(want)
  }

  /** To be called when the work that nobody does may have changed. */
  review(want: Want): void {
    const { isOpen } = want.assembly
    // One that is no longer wanted at all has left the list.
    if (want.isOpen === isOpen || this.#byChunk.get(want.chunk) !== want) return
    want.isOpen = isOpen
    this.#open += isOpen ? 1 : -1
    if (isOpen) this.version++
  }

  /** The most urgent first. */
  inOrder(): readonly Want[] {
    if (!this.#isSorted) {
      this.#sorted.sort((a, b) => a.deadlineMs - b.deadlineMs) // stable
      this.#isSorted = true
    }
    return this.#sorted
  }

  /** What is overdue. */
  overdue(nowMs: number): Want[] {
    const order = this.inOrder()
    const end = order.findIndex(({ deadlineMs }) => deadlineMs > nowMs)
    return order.slice(0, end < 0 ? order.length : end)
  }
}
