import { BLOCK_SIZE, type ChunkIndex, MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from './units.ts'

/** Bytes of one file. Half-open: holds `start`, stops before `end`. Plain numbers: exact up to 2^53. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** Chunks of one swarm. Half-open: holds `first`, stops before `after`. */
export interface ChunkSpan {
  readonly first: ChunkIndex
  readonly after: ChunkIndex
}

/** Where a file lies in its swarm. Every file starts on a chunk boundary. */
export interface Placement {
  /** Bytes of the file; at least 1. */
  readonly size: number
  /** Swarm index of the file's first chunk. */
  readonly firstChunk: ChunkIndex
  /** Bytes; a power of two from 32 KiB to 16 MiB. */
  readonly chunkSize: number
}

/** Number of chunks that `size` bytes fill, the last one perhaps in part. */
export function chunkCountOf(size: number, chunkSize: number): number {
  return Math.ceil(size / chunkSize)
}

/** All chunks of a file. */
export function chunksOfFile(file: Placement): ChunkSpan {
  return chunksCovering(file, { start: 0, end: file.size })
}

/** Smallest run of whole chunks that covers `span` of the file; empty for an empty span. */
export function chunksCovering(file: Placement, span: ByteSpan): ChunkSpan {
  const first = file.firstChunk + Math.floor(span.start / file.chunkSize)
  const after = span.start < span.end ? file.firstChunk + Math.ceil(span.end / file.chunkSize) : first
  return { first: first as ChunkIndex, after: after as ChunkIndex }
}

/** The bytes of the file that `chunk` holds. The last chunk of a file may be short. */
export function bytesOfChunk(file: Placement, chunk: ChunkIndex): ByteSpan {
  const start = (chunk - file.firstChunk) * file.chunkSize
  return { start, end: Math.min(start + file.chunkSize, file.size) }
}

/** The chunk that holds the byte of `file` at `position`. */
export function chunkAt(file: Placement, position: number): ChunkIndex {
  return (file.firstChunk + Math.floor(position / file.chunkSize)) as ChunkIndex
}

/** Length in bytes of one chunk of the file. */
export function chunkLength(file: Placement, chunk: ChunkIndex): number {
  const { start, end } = bytesOfChunk(file, chunk)
  return end - start
}

/** Number of blocks in a chunk of `length` bytes. */
export function blockCountOf(length: number): number {
  return Math.ceil(length / BLOCK_SIZE)
}

/** Whether the chunk is one of these. */
export function includes({ first, after }: ChunkSpan, chunk: ChunkIndex): boolean {
  return first <= chunk && chunk < after
}

/** The bytes that two spans share; empty when they share none. */
export function intersect(a: ByteSpan, b: ByteSpan): ByteSpan {
  const start = Math.max(a.start, b.start)
  return { start, end: Math.max(start, Math.min(a.end, b.end)) }
}

export function isChunkSize(bytes: number): boolean {
  return Number.isInteger(Math.log2(bytes)) && bytes >= MIN_CHUNK_SIZE && bytes <= MAX_CHUNK_SIZE
}

/** `auto`: the largest chunk size that still gives at least 500 chunks, within the bounds. */
export function autoChunkSize(size: number): number {
  let chunkSize = MIN_CHUNK_SIZE
  while (chunkSize < MAX_CHUNK_SIZE && chunkCountOf(size, chunkSize * 2) >= 500) chunkSize *= 2
  return chunkSize
}
