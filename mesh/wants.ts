import type { ChunkIndex } from '../protocol/units.ts'
import type { Peer } from './peer.ts'

/** Wanted chunks of one swarm; more are given up at once. */
export const MAX_WANTS = 4096

/** A chunk that is being collected. One peer delivers it, so that a wrong hash names the guilty one. */
export interface Assembly {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Bytes that have come. */
  filled: number
}

export interface Want {
  readonly chunk: ChunkIndex
  /** On the driver's clock. */
  deadlineMs: number
  /** `open`: nobody is asked. `assigned`: a peer is. `checking`: all bytes are here. */
  phase: 'open' | 'assigned' | 'checking'
  assembly: Assembly | undefined
  /** Who is asked while `assigned`. */
  peer: Peer | undefined
}

/** Wanted chunks, the most urgent first, equals in the order in which they came. */
export class Wants {
  readonly #byChunk = new Map<ChunkIndex, Want>()
  #sorted: Want[] = []
  #isSorted = true
  #open = 0
  /** Grows whenever a chunk becomes open: a peer that found nothing need not look again before. */
  version = 0

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
      return true
    }
    if (this.#byChunk.size >= MAX_WANTS) return false
    const want: Want = { chunk, deadlineMs, phase: 'open', assembly: undefined, peer: undefined }
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
    if (want.phase === 'open') this.#open--
    want.peer?.assigned.delete(want)
    const at = this.#sorted.indexOf(want)
    if (at >= 0) this.#sorted.splice(at, 1)
  }

  assign(want: Want, peer: Peer, assembly: Assembly): void {
    if (want.phase === 'open') this.#open--
    want.phase = 'assigned'
    want.peer = peer
    want.assembly = assembly
    peer.assigned.add(want)
  }

  /** All bytes are here: the peer has nothing more to do. */
  check(want: Want): void {
    want.phase = 'checking'
    want.peer?.assigned.delete(want)
    want.peer = undefined
  }

  /** Takes a chunk away from its peer, or from the check that it failed, so that another peer can be asked. */
  reopen(want: Want): void {
    want.peer?.assigned.delete(want)
    want.peer = undefined
    want.assembly = undefined
    // One that is no longer wanted at all has left the list.
    if (want.phase === 'open' || this.#byChunk.get(want.chunk) !== want) return
    want.phase = 'open'
    this.#open++
    this.version++
  }

  /** Open chunks, the most urgent first. */
  *open(): Generator<Want, void, undefined> {
    if (this.#open === 0) return
    for (const want of this.#inOrder()) if (want.phase === 'open') yield want
  }

  /** Removes and returns what is overdue. */
  takeOverdue(nowMs: number): Want[] {
    const overdue: Want[] = []
    for (const want of this.#inOrder()) {
      if (want.deadlineMs > nowMs) break
      overdue.push(want)
    }
    for (const want of overdue) this.remove(want)
    return overdue
  }

  #inOrder(): Want[] {
    if (!this.#isSorted) {
      this.#sorted.sort((a, b) => a.deadlineMs - b.deadlineMs) // stable
      this.#isSorted = true
    }
    return this.#sorted
  }
}
