import { BLOCK_SIZE, type ChunkIndex, KiB, MAX_CHUNK_SIZE } from '../protocol/units.ts'
import type { BlockSpan } from '../protocol/wire/messages.ts'
import type { BlockRun } from './assembly.ts'
import { Pace, SILENCE_MS } from './pace.ts'
import { RateMeter } from './rate-meter.ts'

/** Requests in flight before anything is known about a peer. */
const FIRST_REQUESTS = 16
const LEAST_REQUESTS = 4
/** What stock clients queue at most; more would be dropped by them. */
export const MOST_REQUESTS = 250
/** Requests ahead of the measured round trip: what a busy sender needs to never run dry. */
const AHEAD_MS = 200
/** Withdrawn requests remembered: peers without BEP 6 never answer them. */
const MOST_WITHDRAWN = 1024
const BLOCKS_PER_CHUNK = MAX_CHUNK_SIZE / BLOCK_SIZE
/** Unasked bytes that a peer may send, beyond those of requests it may have served before our cancel reached it. */
const UNASKED_ALLOWANCE = 256 * KiB

/** Whether a block is still to be asked of this peer. */
export type Lacks = (chunk: ChunkIndex, block: number) => boolean

/** A run of one chunk's blocks that one peer is to deliver. */
interface Task extends BlockRun {
  readonly chunk: ChunkIndex
  /** Bytes of the chunk. */
  readonly length: number
  low: number
  high: number
  /** From the last block to the first. */
  readonly backwards: boolean
}

/** What we ask one peer for: which blocks, how many at a time, and how fast they come. */
export class DownloadPipeline {
  readonly #tasks: Task[] = []
  /** Block key to the time of its request. */
  readonly #outstanding = new Map<number, number>()
  /**
   * Requests taken back that the peer will still answer (BEP 6), and how often: such an answer is none to a newer request
   * for the same block.
   */
  readonly #withdrawn = new Map<number, number>()
  readonly #rate = new RateMeter()
  readonly #pace = new Pace()
  #mostRequests = MOST_REQUESTS
  /** Nothing is asked for until there is room for a batch. */
  #isFull = false
  #roundTripMs: number | undefined
  #quietSinceMs = 0
  /** When it last answered a request, be it one that was taken back. */
  answeredMs = 0
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

  /** Requests that are not answered yet. */
  get underWay(): number {
    return this.#outstanding.size
  }

  /** Milliseconds since the peer last delivered while something is asked for. */
  silentFor(nowMs: number): number {
    return this.#outstanding.size === 0 ? 0 : nowMs - this.#quietSinceMs
  }

  /** Whether it delivers nothing for longer than `SILENCE_MS`; in a hurry, than it has shown to pause. */
  isSilent(nowMs: number, inHurry: boolean): boolean {
    return this.silentFor(nowMs) > (inHurry ? this.#pace.patienceMs(nowMs) : SILENCE_MS)
  }

  /** Whether it pauses for longer than it did of late. */
  pausesLong(nowMs: number): boolean {
    return this.#pace.isLong(this.silentFor(nowMs), nowMs)
  }

  /** It was found silent: where it goes on after all, that was a pause. */
  endSilence(nowMs: number): void {
    this.#pace.paused(this.silentFor(nowMs), nowMs)
  }

  /** Bytes per second while something was asked for; undefined for a peer not measured yet. */
  perSecond(nowMs: number): number | undefined {
    return this.#rate.perSecond(nowMs)
  }

  /** Bytes asked for, or about to be, that have not come. */
  get owed(): number {
    const waiting = this.#tasks.reduce((sum, { low, high }) => sum + high - low, 0)
    return (waiting + this.#outstanding.size) * BLOCK_SIZE
  }

  /** @param length bytes of the chunk */
  assign(chunk: ChunkIndex, length: number, { low, high }: BlockRun, backwards = false): void {
    this.#tasks.push({ chunk, length, low, high, backwards })
  }

  /**
   * Requests to send now. Sent in batches: once the pipeline is full nothing before it is less than three quarters full, for
   * each data channel message costs both sides.
   */
  refill(nowMs: number, lacks: Lacks): BlockSpan[] {
    const target = this.#target(nowMs)
    if (this.#outstanding.size <= target * 0.75) this.#isFull = false
    if (this.#tasks.length === 0 || this.#isFull) return []
    const wasEmpty = this.#outstanding.size === 0
    const spans: BlockSpan[] = []
    for (let task = this.#tasks[0]; task !== undefined && this.#outstanding.size < target; task = this.#tasks[0]) {
      const block = task.backwards ? --task.high : task.low++
      const span = spanOf(task, block)
      if (lacks(task.chunk, block) && !this.#outstanding.has(keyOf(span.chunk, span.offset))) {
        this.#outstanding.set(keyOf(span.chunk, span.offset), nowMs)
        spans.push(span)
      }
      if (task.low >= task.high) this.#tasks.shift()
    }
    this.#isFull = this.#outstanding.size >= target
    if (wasEmpty && spans.length > 0) {
      this.#quietSinceMs = nowMs
      this.#rate.resume(nowMs)
    }
    return spans
  }

  /**
   * Whether this block was asked for; it is not any more.
   * `undefined`: it was not, and the peer has sent more of that than a peer in good faith would.
   */
  accept(chunk: ChunkIndex, offset: number, length: number, nowMs: number): boolean | undefined {
    const askedAt = this.#outstanding.get(keyOf(chunk, offset))
    const isAnswer = this.#isOld(keyOf(chunk, offset)) || askedAt !== undefined
    // What nobody asked for is no sign of life: an empty block costs nothing.
    if (isAnswer) this.#answered(nowMs)
    if (askedAt === undefined) {
      this.#unasked -= length
      return this.#unasked < 0 ? undefined : false
    }
    this.#outstanding.delete(keyOf(chunk, offset))
    this.#roundTripMs = Math.min(this.#roundTripMs ?? Number.POSITIVE_INFINITY, nowMs - askedAt)
    this.received += length
    this.#rate.add(length, nowMs)
    if (this.#outstanding.size === 0) this.#rate.pause(nowMs)
    return true
  }

  /** The peer will not answer one request. @returns whether it still was to */
  refused(chunk: ChunkIndex, offset: number, nowMs: number): boolean {
    const key = keyOf(chunk, offset)
    if (!this.#isOld(key)) return this.#forget(key, nowMs)
    // Who never delivered anything has not shown that it will.
    if (this.received > 0) this.answeredMs = nowMs
    return false
  }

  #answered(nowMs: number): void {
    if (this.#outstanding.size > 0) this.#pace.paused(nowMs - this.#quietSinceMs, nowMs)
    this.#quietSinceMs = nowMs
    this.answeredMs = nowMs
  }

  /** Takes one request back. @returns whether it was under way: to be cancelled */
  withdraw(chunk: ChunkIndex, offset: number, nowMs: number): boolean {
    const key = keyOf(chunk, offset)
    if (!this.#forget(key, nowMs)) return false
    this.#unasked += BLOCK_SIZE // may be on its way already
    this.#withdrawn.set(key, (this.#withdrawn.get(key) ?? 0) + 1)
    const [oldest] = this.#withdrawn.keys()
    if (this.#withdrawn.size > MOST_WITHDRAWN && oldest !== undefined) this.#withdrawn.delete(oldest)
    return true
  }

  /** Forgets a chunk. @returns offsets of the requests that are under way: to be cancelled */
  unassign(chunk: ChunkIndex, nowMs: number): number[] {
    for (let i = this.#tasks.length - 1; i >= 0; i--) if (this.#tasks[i]?.chunk === chunk) this.#tasks.splice(i, 1)
    const offsets: number[] = []
    for (const key of this.#outstanding.keys())
      if (Math.floor(key / BLOCKS_PER_CHUNK) === chunk) offsets.push((key % BLOCKS_PER_CHUNK) * BLOCK_SIZE)
    return offsets.filter((offset) => this.withdraw(chunk, offset, nowMs))
  }

  /** The peer dropped all our requests (BEP 3: choke). */
  clear(nowMs: number): void {
    this.#unasked += this.#outstanding.size * BLOCK_SIZE
    this.#outstanding.clear()
    this.#withdrawn.clear()
    this.#tasks.length = 0
    this.#rate.pause(nowMs)
  }

  #forget(key: number, nowMs: number): boolean {
    const wasAsked = this.#outstanding.delete(key)
    if (this.#outstanding.size === 0) this.#rate.pause(nowMs)
    return wasAsked
  }

  /** Whether an answer is to a request that was taken back. */
  #isOld(key: number): boolean {
    const count = this.#withdrawn.get(key)
    if (count === undefined) return false
    if (count > 1) this.#withdrawn.set(key, count - 1)
    else this.#withdrawn.delete(key)
    return true
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

function spanOf({ chunk, length }: Task, block: number): BlockSpan {
  const offset = block * BLOCK_SIZE
  return { chunk, offset, length: Math.min(BLOCK_SIZE, length - offset) }
}
