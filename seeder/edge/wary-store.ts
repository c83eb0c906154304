import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import type { RunStore, StoredRun } from '../../store/chunk-store.ts'
import type { Evictable } from '../../store/evicting.ts'
import type { DiskStore } from '../../store/leveldb.ts'

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
export class WaryStore implements RunStore {
  readonly #options: WaryOptions
  /** Chunks that were as they should be. */
  readonly #seen = new Map<InfoHash, Set<ChunkIndex>>()

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

  async readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    const runs = await this.#options.store.readRuns(swarm, chunks)
    const good: StoredRun[] = []
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

  async #isGoodRun(swarm: InfoHash, { chunks, chunkSize, data }: StoredRun): Promise<boolean> {
    if (!(data instanceof Uint8Array)) return false
    for (let chunk: number = chunks.first; chunk < chunks.after; chunk++) {
      const start = (chunk - chunks.first) * chunkSize
      if (!(await this.#isGood(swarm, chunk as ChunkIndex, data.subarray(start, start + chunkSize)))) return false
    }
    return true
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
