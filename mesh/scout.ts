import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import type { Clock } from './clock.ts'

export interface ScoutOptions {
  readonly clock: Clock
  /** Looks in the DHT for holders of a chunk, and connects. @returns whether a neighbour has it now */
  readonly seek: (infoHash: InfoHash, chunk: ChunkIndex) => Promise<boolean>
}

/** Holders are not looked for again before; the time doubles with each search in vain. */
const REST_MS = 5_000
const MOST_REST_MS = 30_000

/**
 * Finds neighbours who have what the ones that are there lack. What is asked of the origin is what is wanted and no
 * neighbour has; whoever holds the chunk after that has most likely the next ones, too.
 */
export class Scout {
  readonly #options: ScoutOptions
  readonly #wanted = new Map<InfoHash, ChunkIndex>()
  /** Swarms that are searched for, or rest from it. */
  readonly #busy = new Set<InfoHash>()
  readonly #rests = new Set<() => void>()
  #isClosed = false

  constructor(options: ScoutOptions) {
    this.#options = options
  }

  /** These chunks are on their way from the origin, and no others. */
  loading(infoHash: InfoHash, chunks: readonly ChunkSpan[], chunkCount: number): void {
    const last = chunks.at(-1)
    if (last === undefined) this.#wanted.delete(infoHash)
    else {
      this.#wanted.set(infoHash, last.after < chunkCount ? last.after : last.first)
      this.#look(infoHash, REST_MS)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const cancel of this.#rests) cancel()
  }

  #look(infoHash: InfoHash, restMs: number): void {
    const chunk = this.#wanted.get(infoHash)
    if (chunk === undefined || this.#busy.has(infoHash) || this.#isClosed) return
    this.#busy.add(infoHash)
    void this.#options.seek(infoHash, chunk).then((isOffered) => this.#rest(infoHash, restMs, isOffered))
  }

  #rest(infoHash: InfoHash, restMs: number, isOffered: boolean): void {
    if (this.#isClosed) return
    const cancel = this.#options.clock.after(restMs, () => {
      this.#rests.delete(cancel)
      this.#busy.delete(infoHash)
      this.#look(infoHash, isOffered ? REST_MS : Math.min(MOST_REST_MS, 2 * restMs))
    })
    this.#rests.add(cancel)
  }
}
