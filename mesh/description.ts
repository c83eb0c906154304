import { chunkCountOf, type Placement } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'

/** What a swarm shares: enough to verify every chunk of it. */
export interface SwarmDescription {
  readonly infoHash: InfoHash
  /** Bytes; a power of two from 32 KiB to 16 MiB. */
  readonly chunkSize: number
  /** In order of their chunks; each begins with a chunk of its own. */
  readonly files: readonly DescribedFile[]
  /** BEP 52 hashes of all chunks, 32 bytes each. */
  readonly hashes: Uint8Array
  /** The info dictionary: whoever knows only the info hash can ask us for it (BEP 9). */
  readonly info?: Uint8Array
}

export interface DescribedFile {
  readonly path: string
  /** Bytes; at least 1. */
  readonly size: number
}

/** Where the files lie in their swarm. */
export function placementsOf({ files, chunkSize }: Pick<SwarmDescription, 'files' | 'chunkSize'>): Placement[] {
  let next = 0
  return files.map(({ size }) => {
    const firstChunk = next as ChunkIndex
    next += chunkCountOf(size, chunkSize)
    return { size, firstChunk, chunkSize }
  })
}

export function chunkCountIn(files: readonly Placement[]): number {
  return files.reduce((sum, { size, chunkSize }) => sum + chunkCountOf(size, chunkSize), 0)
}
