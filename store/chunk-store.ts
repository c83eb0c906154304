import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'

/**
 * Where verified chunks rest. Chunks are written in runs: consecutive chunks in one record, for records of 32 KiB are
 * slow in every database (see docs/decisions). All methods may be called at any time and at the same time.
 */
export interface ChunkStore {
  /** What is stored of a swarm: runs in ascending order, neighbours not merged, none overlapping. */
  runs(swarm: InfoHash): Promise<readonly ChunkSpan[]>
  /** The bytes of one chunk, or undefined when it is not stored. */
  read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined>
  /**
   * Writes consecutive chunks, all or nothing; done when it resolves. All but the last must have the same length,
   * so a run never reaches beyond the end of its file. Chunks that are stored already are left as they are.
   * @throws QuotaExceeded when there is no room; nothing of the run is stored then
   */
  write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void>
  /** Swarms with at least one chunk, least recently used first. */
  swarms(): Promise<readonly InfoHash[]>
  /** Marks a swarm as used now. */
  touch(swarm: InfoHash): Promise<void>
  /** Forgets all chunks of a swarm. */
  drop(swarm: InfoHash): Promise<void>
  close(): void
}
