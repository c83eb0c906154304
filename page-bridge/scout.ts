import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'

export interface ScoutOptions {
  readonly now: () => number
  /** Looks in the DHT for holders of a chunk, and connects. */
  readonly seek: (infoHash: InfoHash, chunk: ChunkIndex) => Promise<unknown>
}

/** Holders that were not there are not looked for again before. */
const REST_MS = 5_000

/**
 * Finds neighbours who have what the ones that are there lack. What the worker asks the origin for is what it wants and no
 * neighbour has; whoever holds the chunk after that has most likely the next ones, too.
 */
export class Scout {
  readonly #options: ScoutOptions
  /** When each swarm may be looked for again. */
  readonly #restsUntil = new Map<InfoHash, number>()

  constructor(options: ScoutOptions) {
    this.#options = options
  }

  /** These chunks are on their way from the origin. */
  loading(infoHash: InfoHash, chunks: readonly ChunkSpan[], chunkCount: number): void {
    const last = chunks.at(-1)
    if (last === undefined) return
    this.wanted(infoHash, last.after < chunkCount ? last.after : last.first)
  }

  wanted(infoHash: InfoHash, chunk: ChunkIndex): void {
    const { now, seek } = this.#options
    if (now() < (this.#restsUntil.get(infoHash) ?? 0)) return
    this.#restsUntil.set(infoHash, Number.POSITIVE_INFINITY)
    void seek(infoHash, chunk).finally(() => this.#restsUntil.set(infoHash, now() + REST_MS))
  }
}
