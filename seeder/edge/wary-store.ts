import type { ChunkSpan } from '../../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MAX_CHUNK_SIZE } from '../../protocol/units.ts'
import type { RestingBytes, RunStore } from '../../store/chunk-store.ts'
import type { Evictable } from '../../store/evicting.ts'
import type { DiskRun, DiskStore } from '../../store/leveldb.ts'
import { MemoryPool } from './memory-pool.ts'

/** Chunks that are looked at together take this much. */
const LOOKED_AT_BYTES = 2 * MAX_CHUNK_SIZE

export interface WaryOptions {
  readonly store: DiskStore
  /** Whether these are a chunk's bytes. @throws when that cannot be told */
  readonly check: (swarm: InfoHash, chunk: ChunkIndex, bytes: Uint8Array) => Promise<boolean>
  /** The disk does not have what was written to it: `gone` is forgotten. */
  readonly spoilt: (swarm: InfoHash, chunk: ChunkIndex, gone: readonly Evictable[]) => void
}

/**
 * A store that trusts its disk only with what it has seen: each chunk is verified when it is first read by this process.
 * A machine that lost its power may have kept LevelDB's word and lost the bytes, and disks forget.
 */
export class WaryStore implements RunStore<Uint8Array<ArrayBuffer> | RestingBytes> {
  readonly #options: WaryOptions
  /** Chunks that were as they should be. */
  readonly #seen = new Map<InfoHash, Set<ChunkIndex>>()
  /** For large chunks, which are read to be looked at, and then read part by part. */
  readonly #memory = new MemoryPool(LOOKED_AT_BYTES)

  constructor(options: WaryOptions) {
    this.#options = options
  }

  async runs(swarm: InfoHash): Promise<readonly ChunkSpan[]> {
    return await this.#options.store.runs(swarm)
  }

  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#options.store.read(swarm, chunk)
    return bytes && (await this.#isGood(swarm, chunk, bytes)) ? bytes : undefined
  }

  async readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly DiskRun[]> {
    const runs = await this.#options.store.readRuns(swarm, chunks)
    const good: DiskRun[] = []
    for (const run of runs) if (await this.#isGoodRun(swarm, run)) good.push(run)
    return good
  }

  async write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    await this.#options.store.write(swarm, first, chunks)
  }

  async swarms(): Promise<readonly InfoHash[]> {
    return await this.#options.store.swarms()
  }

  async touch(swarm: InfoHash): Promise<void> {
    await this.#options.store.touch(swarm)
  }

  async drop(swarm: InfoHash): Promise<void> {
    this.#seen.delete(swarm)
    await this.#options.store.drop(swarm)
  }

  /** Forgets the runs that hold any of these chunks. @returns what has gone */
  async forget(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly Evictable[]> {
    const gone = await this.#options.store.forget(swarm, chunks)
    const seen = this.#seen.get(swarm)
    for (const run of gone)
      for (let chunk = run.chunks.first; chunk < run.chunks.after; chunk++) seen?.delete(chunk as ChunkIndex)
    return gone
  }

  close(): void {
    this.#seen.clear()
  }

  async #isGoodRun(swarm: InfoHash, { chunks, chunkSize, data }: DiskRun): Promise<boolean> {
    for (let chunk: number = chunks.first; chunk < chunks.after; chunk++) {
      const start = (chunk - chunks.first) * chunkSize
      const isGood =
        data instanceof Uint8Array
          ? await this.#isGood(swarm, chunk as ChunkIndex, data.subarray(start, start + chunkSize))
          : await this.#restsGood(swarm, chunk as ChunkIndex, { data, start, chunkSize })
      if (!isGood) return false
    }
    return true
  }

  /** Looks at a chunk that stays where it is. */
  async #restsGood(
    swarm: InfoHash,
    chunk: ChunkIndex,
    { data, start, chunkSize }: { data: RestingBytes; start: number; chunkSize: number },
  ): Promise<boolean> {
    if (this.#seen.get(swarm)?.has(chunk)) return true
    const giveBack = await this.#memory.take(chunkSize)
    try {
      // Somebody else may have looked at it meanwhile.
      if (this.#seen.get(swarm)?.has(chunk)) return true
      const bytes = await data.read(start, start + chunkSize)
      return bytes !== undefined && (await this.#isGood(swarm, chunk, bytes))
    } finally {
      giveBack?.()
    }
  }

  async #isGood(swarm: InfoHash, chunk: ChunkIndex, bytes: Uint8Array): Promise<boolean> {
    const seen = this.#seen.get(swarm) ?? new Set()
    if (seen.has(chunk)) return true
    // What cannot be told now is not given out now, and stays.
    const isGood = await this.#options.check(swarm, chunk, bytes).catch(() => undefined)
    if (isGood) this.#seen.set(swarm, seen.add(chunk))
    if (isGood !== false) return isGood === true
    const gone = await this.forget(swarm, { first: chunk, after: (chunk + 1) as ChunkIndex })
    this.#options.spoilt(swarm, chunk, gone)
    return false
  }
}
