import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { checkRun, fillExactly, type MergingStore, type StoredRun, type ValueStore } from './chunk-store.ts'
import { RunIndex } from './run-index.ts'

/**
 * Chunks in memory: for tests, and for visitors whose browser refuses IndexedDB.
 * @param capacity bytes; a write beyond it throws QuotaExceeded
 */
export function openMemoryStore(capacity = Number.POSITIVE_INFINITY): MergingStore {
  return new MemoryStore(capacity)
}

/** Values in memory. */
export function openMemoryValues(): ValueStore {
  const values = new Map<string, unknown>()
  return {
    get: async (key) => structuredClone(values.get(key)),
    set: async (key, value) => void values.set(key, structuredClone(value)),
    delete: async (key) => void values.delete(key),
    clear: async () => values.clear(),
  }
}

interface Shelf {
  index: RunIndex
  readonly runs: Map<ChunkIndex, StoredRun & { readonly data: Uint8Array<ArrayBuffer> }>
}

class MemoryStore implements MergingStore {
  /** In order of use, the least recent first. */
  readonly #shelves = new Map<InfoHash, Shelf>()
  readonly #capacity: number
  #used = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  async runs(swarm: InfoHash): Promise<readonly ChunkSpan[]> {
    return this.#shelves.get(swarm)?.index.runs.slice() ?? []
  }

  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [run] = await this.readRuns(swarm, { first: chunk, after: (chunk + 1) as ChunkIndex })
    if (!run || !(run.data instanceof Uint8Array)) return undefined
    const start = (chunk - run.chunks.first) * run.chunkSize
    return run.data.slice(start, start + run.chunkSize)
  }

  async readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    const shelf = this.#shelves.get(swarm)
    return (shelf?.index.runs ?? [])
      .filter((run) => run.first < chunks.after && run.after > chunks.first)
      .flatMap((run) => shelf?.runs.get(run.first) ?? [])
  }

  async merge(swarm: InfoHash, chunks: ChunkSpan): Promise<void> {
    const shelf = this.#shelves.get(swarm)
    const runs = await this.readRuns(swarm, chunks)
    const spans = runs.map((run) => run.chunks)
    if (!shelf || runs.length < 2 || !fillExactly(spans, chunks)) return
    const parts = spans.flatMap(({ first }) => shelf.runs.get(first)?.data ?? [])
    for (const { first } of spans) shelf.runs.delete(first)
    shelf.runs.set(chunks.first, { chunks, chunkSize: runs[0]?.chunkSize ?? 0, data: joined(parts) })
    const others = shelf.index.runs.filter(({ first, after }) => after <= chunks.first || first >= chunks.after)
    shelf.index = new RunIndex(others)
    shelf.index.add(chunks)
  }

  async write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    checkRun(chunks)
    const shelf = this.#shelves.get(swarm) ?? { index: new RunIndex(), runs: new Map() }
    const missing = shelf.index.missingIn({ first, after: (first + chunks.length) as ChunkIndex })
    const pieces = missing.map((run) => ({ run, parts: chunks.slice(run.first - first, run.after - first) }))
    const bytes = pieces.reduce((sum, { parts }) => sum + lengthOf(parts), 0)
    if (this.#used + bytes > this.#capacity)
      throw new QuotaExceeded(`${this.#used + bytes} bytes are more than the ${this.#capacity} that fit`)
    for (const { run, parts } of pieces) {
      shelf.index.add(run)
      shelf.runs.set(run.first, { chunks: run, chunkSize: parts[0]?.length ?? 0, data: joined(parts) })
    }
    this.#used += bytes
    this.#shelves.set(swarm, shelf)
  }

  async swarms(): Promise<readonly InfoHash[]> {
    return [...this.#shelves.keys()]
  }

  async touch(swarm: InfoHash): Promise<void> {
    const shelf = this.#shelves.get(swarm)
    if (!shelf) return
    this.#shelves.delete(swarm)
    this.#shelves.set(swarm, shelf)
  }

  async drop(swarm: InfoHash): Promise<void> {
    for (const run of this.#shelves.get(swarm)?.runs.values() ?? []) this.#used -= run.data.length
    this.#shelves.delete(swarm)
  }

  close(): void {}
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(parts))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
