import { BLOCK_SIZE, type ChunkIndex, KiB, MAX_CHUNK_SIZE } from '../protocol/units.ts'
import type { BlockSpan } from '../protocol/wire/messages.ts'
import { RateMeter } from './rate-meter.ts'

/** Requests in flight before anything is known about a peer. */
const FIRST_REQUESTS = 16
const LEAST_REQUESTS = 4
/** What stock clients queue at most; more would be dropped by them. */
export const MOST_REQUESTS = 250
/** Requests ahead of the measured round trip: what a busy sender needs to never run dry. */
const AHEAD_MS = 200
const BLOCKS_PER_CHUNK = MAX_CHUNK_SIZE / BLOCK_SIZE
/** Unasked bytes that a peer may send, beyond those of requests it may have served before our cancel reached it. */
const UNASKED_ALLOWANCE = 256 * KiB

/** A run of one chunk's bytes that one peer is to deliver. Half-open, on block boundaries. */
interface Task {
  readonly chunk: ChunkIndex
  next: number
  readonly end: number
}

/** What we ask one peer for: which blocks, how many at a time, and how fast they come. */
export class DownloadPipeline {
  readonly #tasks: Task[] = []
  /** Block key to the time of its request. */
  readonly #outstanding = new Map<number, number>()
  readonly #rate = new RateMeter()
  #mostRequests = MOST_REQUESTS
  #roundTripMs: number | undefined
  #quietSinceMs = 0
  #unasked = UNASKED_ALLOWANCE
  /** Bytes accepted from this peer. */
  received = 0

  /** Requests that the peer says it queues. */
  set peerQueue(length: number) {
    this.#mostRequests = Math.max(LEAST_REQUESTS, Math.min(MOST_REQUESTS, length))
  }

  /** Whether nothing is left to ask for while there is room to ask. */
  hasRoom(nowMs: number): boolean {
    return this.#tasks.length === 0 && this.#outstanding.size < this.#target(nowMs)
  }

  get idle(): boolean {
    return this.#tasks.length === 0 && this.#outstanding.size === 0
  }

  /** Milliseconds since the peer last delivered while something is asked for. */
  silentFor(nowMs: number): number {
    return this.#outstanding.size === 0 ? 0 : nowMs - this.#quietSinceMs
  }

  /** Bytes per second while something was asked for; undefined for a peer not measured yet. */
  perSecond(nowMs: number): number | undefined {
    return this.#rate.perSecond(nowMs)
  }

  /** Bytes asked for, or about to be, that have not come. */
  get owed(): number {
    const waiting = this.#tasks.reduce((sum, task) => sum + task.end - task.next, 0)
    return waiting + this.#outstanding.size * BLOCK_SIZE
  }

  /** @param end bytes from the start of the chunk; the span starts on a block boundary */
  assign(chunk: ChunkIndex, start: number, end: number): void {
    this.#tasks.push({ chunk, next: start, end })
  }

  /**
   * Requests to send now. Sent in batches: nothing while the pipeline is more than three quarters full, for each data
   * channel message costs both sides.
   */
  refill(nowMs: number): BlockSpan[] {
    const target = this.#target(nowMs)
    if (this.#tasks.length === 0 || this.#outstanding.size > target * 0.75) return []
    if (this.#outstanding.size === 0) {
      this.#quietSinceMs = nowMs
      this.#rate.resume(nowMs)
    }
    const spans: BlockSpan[] = []
    for (let task = this.#tasks[0]; task !== undefined && this.#outstanding.size < target; task = this.#tasks[0]) {
      const span = { chunk: task.chunk, offset: task.next, length: Math.min(BLOCK_SIZE, task.end - task.next) }
      this.#outstanding.set(keyOf(span.chunk, span.offset), nowMs)
      spans.push(span)
      task.next += span.length
      if (task.next >= task.end) this.#tasks.shift()
    }
    return spans
  }

  /**
   * Whether this block was asked for; it is not any more.
   * `undefined`: it was not, and the peer has sent more of that than a peer in good faith would.
   */
  accept(chunk: ChunkIndex, offset: number, length: number, nowMs: number): boolean | undefined {
    const askedAt = this.#outstanding.get(keyOf(chunk, offset))
    this.#quietSinceMs = nowMs
    if (askedAt === undefined) {
      this.#unasked -= length
      return this.#unasked < 0 ? undefined : false
    }
    this.#outstanding.delete(keyOf(chunk, offset))
    this.#roundTripMs = Math.min(this.#roundTripMs ?? Number.POSITIVE_INFINITY, nowMs - askedAt)
    this.received += length
    this.#rate.add(length, nowMs)
    if (this.idle) this.#rate.pause(nowMs)
    return true
  }

  /** The peer will not answer one request. @returns whether it was asked for */
  refused(chunk: ChunkIndex, offset: number): boolean {
    return this.#outstanding.delete(keyOf(chunk, offset))
  }

  /** Forgets a chunk. @returns the requests that are under way: to be cancelled */
  unassign(chunk: ChunkIndex): BlockSpan[] {
    for (let i = this.#tasks.length - 1; i >= 0; i--) if (this.#tasks[i]?.chunk === chunk) this.#tasks.splice(i, 1)
    const spans: BlockSpan[] = []
    for (const key of this.#outstanding.keys()) {
      if (Math.floor(key / BLOCKS_PER_CHUNK) !== chunk) continue
      this.#outstanding.delete(key)
      this.#unasked += BLOCK_SIZE // may be on its way already
      spans.push({ chunk, offset: (key % BLOCKS_PER_CHUNK) * BLOCK_SIZE, length: BLOCK_SIZE })
    }
    return spans
  }

  /** The peer dropped all our requests (BEP 3: choke). */
  clear(nowMs: number): void {
    this.#unasked += this.#outstanding.size * BLOCK_SIZE
    this.#outstanding.clear()
    this.#tasks.length = 0
    this.#rate.pause(nowMs)
  }

  /** Bandwidth-delay product in blocks. The smallest round trip seen is the one without our own queue in it. */
  #target(nowMs: number): number {
    const rate = this.#rate.perSecond(nowMs)
    if (rate === undefined || this.#roundTripMs === undefined) return Math.min(FIRST_REQUESTS, this.#mostRequests)
    const blocks = Math.ceil((rate * (this.#roundTripMs + AHEAD_MS)) / 1000 / BLOCK_SIZE)
    return Math.max(LEAST_REQUESTS, Math.min(this.#mostRequests, blocks))
  }
}

function keyOf(chunk: ChunkIndex, offset: number): number {
  return chunk * BLOCKS_PER_CHUNK + Math.floor(offset / BLOCK_SIZE)
}
