import type { ChunkSpan } from '../protocol/geometry.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { Evictable } from './evicting.ts'
import { footprintOf, type RunRecord } from './leveldb-records.ts'
import { RunIndex } from './run-index.ts'

export interface StoredRecord extends RunRecord, Evictable {}

interface Shelf {
  index: RunIndex
  readonly records: Map<number, StoredRecord>
  usedMs: number
}

/** What a store holds, in memory: by swarm, and in order of use. */
export class Shelves {
  /** What all records take of the disk. */
  used = 0
  readonly #shelves = new Map<InfoHash, Shelf>()
  /** The least recently used first. */
  readonly #byUse = new Set<StoredRecord>()

  /** The least recently used first. */
  get byUse(): Iterable<StoredRecord> {
    return this.#byUse
  }

  /** The least recently used first. */
  get swarms(): InfoHash[] {
    const byUse = [...this.#shelves].sort(([, a], [, b]) => a.usedMs - b.usedMs)
    return byUse.map(([swarm]) => swarm)
  }

  /** In ascending order. */
  runs(swarm: InfoHash): ChunkSpan[] {
    return this.#shelves.get(swarm)?.index.runs.slice() ?? []
  }

  /** The parts of `chunks` that are in no record. */
  missingIn(swarm: InfoHash, chunks: ChunkSpan): ChunkSpan[] {
    return this.#shelves.get(swarm)?.index.missingIn(chunks) ?? [chunks]
  }

  /** The record that begins with a chunk. */
  at(swarm: InfoHash, first: number): StoredRecord | undefined {
    return this.#shelves.get(swarm)?.records.get(first)
  }

  /** The records that hold any of `chunks`, in ascending order. */
  in(swarm: InfoHash, chunks: ChunkSpan): StoredRecord[] {
    const shelf = this.#shelves.get(swarm)
    return shelf ? overlapping(shelf.index.runs, chunks).flatMap(({ first }) => shelf.records.get(first) ?? []) : []
  }

  has(record: StoredRecord): boolean {
    return this.#byUse.has(record)
  }

  /** Adds a run, as the one that was used last. It shares no chunk with those that are there. */
  add(run: RunRecord): void {
    const record: StoredRecord = { ...run, bytes: footprintOf(run) }
    const shelf = this.#shelves.get(run.swarm) ?? { index: new RunIndex(), records: new Map(), usedMs: 0 }
    this.#shelves.set(run.swarm, shelf)
    shelf.index.add(run.chunks)
    shelf.records.set(run.first, record)
    shelf.usedMs = Math.max(shelf.usedMs, run.usedMs)
    this.#byUse.add(record)
    this.used += record.bytes
  }

  delete(record: StoredRecord): void {
    const shelf = this.#shelves.get(record.swarm)
    if (!this.#byUse.delete(record) || shelf === undefined) return
    this.used -= record.bytes
    shelf.records.delete(record.first)
    shelf.index = new RunIndex(shelf.index.runs.filter(({ first }) => first !== record.first))
    if (shelf.records.size === 0) this.#shelves.delete(record.swarm)
  }

  /** Makes a record the one that was used last. @returns false when it is not there any more */
  use(record: StoredRecord, nowMs: number): boolean {
    if (!this.#byUse.delete(record)) return false
    this.#byUse.add(record)
    record.usedMs = nowMs
    this.touch(record.swarm, nowMs)
    return true
  }

  touch(swarm: InfoHash, nowMs: number): void {
    const shelf = this.#shelves.get(swarm)
    if (shelf) shelf.usedMs = nowMs
  }
}

/** Those of `runs` that hold any of `chunks`. @param runs ascending, not overlapping */
function overlapping(runs: readonly ChunkSpan[], chunks: ChunkSpan): readonly ChunkSpan[] {
  let [from, below] = [0, runs.length]
  while (from < below) {
    const middle = (from + below) >>> 1
    if ((runs[middle]?.after ?? 0) <= chunks.first) from = middle + 1
    else below = middle
  }
  let to = from
  while ((runs[to]?.first ?? chunks.after) < chunks.after) to++
  return runs.slice(from, to)
}
