import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'

/** The most chunks in one run. Bounds how far back a look-up must search for the run that holds a chunk. */
export const MAX_RUN_CHUNKS = 1024

/**
 * Where verified chunks rest. Chunks are written in runs: consecutive chunks in one record, as records of 32 KiB are
 * slow in every database. All methods may be called at any time and at the same time, from several instances.
 */
export interface RunStore<Data = Blob | Uint8Array<ArrayBuffer>> {
  /** What is stored of a swarm: runs in ascending order, neighbours not merged, none overlapping. */
  runs(swarm: InfoHash): Promise<readonly ChunkSpan[]>
  /** The records that hold any of `chunks`, in ascending order: a browser reads them without JavaScript touching a byte. */
  readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun<Data>[]>
  /**
   * Writes consecutive chunks, all or nothing; done when it resolves. All but the last have the same length, so a run
   * never reaches beyond the end of its file. Chunks that are stored already stay as they are.
   * @throws QuotaExceeded when there is no room; nothing of the run is stored then
   * @throws RangeError for an empty run, one of more than MAX_RUN_CHUNKS, or one of uneven lengths
   */
  write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void>
  /** Swarms with at least one chunk, the least recently used first. */
  swarms(): Promise<readonly InfoHash[]>
  /** Marks a swarm as used now. */
  touch(swarm: InfoHash): Promise<void>
  /** Forgets all chunks of a swarm. */
  drop(swarm: InfoHash): Promise<void>
}

/** A store for those who read chunk by chunk. */
export interface ChunkStore<Data = Blob | Uint8Array<ArrayBuffer>> extends RunStore<Data> {
  /** The bytes of one chunk, or undefined when it is not stored. */
  read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined>
  close(): void
}

/** One record as it rests in the store. */
export interface StoredRun<Data = Blob | Uint8Array<ArrayBuffer>> {
  readonly chunks: ChunkSpan
  /** Bytes of every chunk but the last, which may be shorter. */
  readonly chunkSize: number
  readonly data: Data
}

/** Bytes that stay where they are until part of them is asked for. */
export interface RestingBytes {
  /** Undefined when they are not there any more. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer> | undefined>
}

/** A run's bytes in any of the forms in which stores have them. */
export type RunData = Blob | Uint8Array<ArrayBuffer> | RestingBytes

/** A store that can be tidied up. */
export interface MergingStore extends ChunkStore {
  /**
   * Makes one record of the neighbouring records that fill `chunks` exactly; a few large ones are read much faster than
   * many small ones. Does nothing when they have changed meanwhile.
   * @throws QuotaExceeded when there is no room for the copy
   */
  merge(swarm: InfoHash, chunks: ChunkSpan): Promise<void>
}

/** Whether `runs` follow one another without a gap and fill `chunks` exactly. */
export function fillExactly(runs: readonly ChunkSpan[], chunks: ChunkSpan): boolean {
  let at: number = chunks.first
  for (const { first, after } of runs) {
    if (first !== at) return false
    at = after
  }
  return at === chunks.after
}

/** Small things that rest beside the chunks: settings, counters, the manifest. Values are structured-cloneable. */
export interface ValueStore {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  clear(): Promise<void>
}

/** @throws RangeError when `chunks` is not a run in the sense of RunStore.write */
export function checkRun(chunks: readonly Uint8Array[]): void {
  const length = chunks[0]?.length ?? 0
  const even = chunks.every((chunk, i) => chunk.length === length || (i === chunks.length - 1 && chunk.length < length))
  if (length === 0 || chunks.at(-1)?.length === 0 || chunks.length > MAX_RUN_CHUNKS || !even)
    throw new RangeError('not a run')
}
