import type { SwarmStatus } from '../protocol/delivery.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'

/** The peers of a swarm, as far as who supplies its readers needs them. In a worker, a page at the other end of a bridge. */
export interface MeshPeers {
  /** Undefined: the swarm was not joined. */
  status(swarm: InfoHash): SwarmStatus | undefined
  /** Milliseconds since the swarm was joined; 0 when it was not. */
  sinceJoinMs(swarm: InfoHash): number
  /**
   * Resolves with verified bytes, or undefined when peers do not bring the chunk in time.
   * @param isUrgent a reader waits for it: it comes before what was asked for earlier
   */
  fetchChunk(swarm: InfoHash, chunk: ChunkIndex, isUrgent?: boolean): Promise<ArrayBuffer | undefined>
  /** Peers are not wanted for this chunk any more. */
  cancelChunk(swarm: InfoHash, chunk: ChunkIndex): void
  /** These chunks are on their way from the origin, and no others: peers are told. */
  loading(swarm: InfoHash, chunks: readonly ChunkSpan[]): void
  /** Peers did not bring a chunk: they are not asked for it again soon. */
  refused(swarm: InfoHash, chunk: ChunkIndex): void
  /** Whether they were refused this chunk a short time ago. */
  wasRefused(swarm: InfoHash, chunk: ChunkIndex): boolean
  /** Resolves when something of the mesh has changed, or after `ms`. */
  change(ms: number): Promise<void>
}
