import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import { MAX_RUN_CHUNKS, type RunStore } from '../store/chunk-store.ts'

/** A run of this size is written at once: larger records are read faster, but then more waits in memory. */
const RUN_BYTES = 4 * MiB

/** A run of what has gathered while another was written is no larger. */
const MAX_RUN_BYTES = 8 * MiB

/** A shorter run is written after this long, so that a slow transfer is shared while it goes on. */
const LINGER_MS = 250

/** Verified chunks that wait to be written. Beyond it chunks pass by unstored: storing never slows the reader. */
const MAX_PENDING_BYTES = 16 * MiB

/** With so much left waiting storing cannot keep up, and takes every other moment: the reader needs the processor, too. */
const BEHIND_BYTES = 8 * MiB

/** Storing rests no longer at a time, however slow the disk was. */
const MAX_REST_MS = 1_000

/** After a write failed, or found no room and none could be made, nothing is stored for this long. */
const FULL_PAUSE_MS = 60_000

export interface SinkEvents {
  /** The chunks rest in the store. */
  stored(swarm: InfoHash, chunks: ChunkSpan): void
  /** The chunk will not be stored. */
  shed(swarm: InfoHash, chunk: ChunkIndex): void
  /** Makes room; resolves with false when there is nothing to give up. */
  makeRoom(keep: InfoHash): Promise<boolean>
  /** The store failed for another reason than room. */
  failed(error: unknown): void
}

interface Pending {
  readonly swarm: InfoHash
  readonly chunk: ChunkIndex
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Every chunk but a file's last has this length. */
  readonly chunkSize: number
}

/** Collects verified chunks and writes them in runs, one write at a time. */
export class ChunkSink {
  readonly #store: Pick<RunStore, 'write'>
  readonly #events: SinkEvents
  #pending: Pending[] = []
  #pendingBytes = 0
  #writing: Promise<void> | undefined
  #stopLingering: (() => void) | undefined
  #fullUntil = 0

  constructor(store: Pick<RunStore, 'write'>, events: SinkEvents) {
    this.#store = store
    this.#events = events
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  add(chunk: Pending): void {
    if (this.#pendingBytes + chunk.bytes.length > MAX_PENDING_BYTES || Date.now() < this.#fullUntil) {
      this.#events.shed(chunk.swarm, chunk.chunk)
      return
    }
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.bytes.length
    this.#writing ??= this.#writeAll()
    if (this.#pendingBytes >= RUN_BYTES) this.#stopLingering?.()
  }

  /** Resolves when all that was added so far is written or shed. */
  async settled(): Promise<void> {
    while (this.#writing) await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      if (this.#pendingBytes < RUN_BYTES) await this.#linger()
      const run = this.#takeRun()
      const startMs = Date.now()
      if (run[0]) await this.#write(run[0], run)
      const restMs = Math.min(MAX_REST_MS, Date.now() - startMs)
      if (this.#pendingBytes >= BEHIND_BYTES) await new Promise((resolve) => setTimeout(resolve, restMs))
    }
    this.#writing = undefined
  }

  async #linger(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      this.#stopLingering = resolve
      timer = setTimeout(resolve, LINGER_MS)
    })
    clearTimeout(timer)
    this.#stopLingering = undefined
  }

  /** The consecutive chunks around the oldest one that waits. */
  #takeRun(): Pending[] {
    const oldest = this.#pending[0]
    if (!oldest) return []
    const sorted = this.#pending.filter(({ swarm }) => swarm === oldest.swarm).sort((a, b) => a.chunk - b.chunk)
    const run: Pending[] = []
    let bytes = 0
    for (const next of sorted) {
      const last = run.at(-1)
      const follows = last?.chunk === next.chunk - 1 && last.bytes.length === last.chunkSize
      const fits = bytes + next.bytes.length <= MAX_RUN_BYTES && run.length < MAX_RUN_CHUNKS
      if (!(follows && fits)) {
        if (run.includes(oldest)) break
        run.length = 0
        bytes = 0
      }
      run.push(next)
      bytes += next.bytes.length
    }
    const taken = new Set(run)
    this.#pending = this.#pending.filter((chunk) => !taken.has(chunk))
    return run
  }

  async #write(head: Pending, run: readonly Pending[]): Promise<void> {
    const chunks = run.map(({ bytes }) => bytes)
    const span = { first: head.chunk, after: (head.chunk + run.length) as ChunkIndex }
    try {
      await this.#writeMakingRoom(head, chunks)
      this.#release(run)
      this.#events.stored(head.swarm, span)
    } catch (error) {
      this.#release(run)
      this.#fullUntil = Date.now() + FULL_PAUSE_MS
      if (!(error instanceof QuotaExceeded)) this.#events.failed(error)
      for (const { swarm, chunk } of run) this.#events.shed(swarm, chunk)
    }
  }

  async #writeMakingRoom(head: Pending, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    for (;;) {
      try {
        return await this.#store.write(head.swarm, head.chunk, chunks)
      } catch (error) {
        if (!(error instanceof QuotaExceeded) || !(await this.#events.makeRoom(head.swarm))) throw error
      }
    }
  }

  #release(run: readonly Pending[]): void {
    for (const { bytes } of run) this.#pendingBytes -= bytes.length
  }
}
