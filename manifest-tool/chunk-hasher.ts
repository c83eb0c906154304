import * as crypto from 'node:crypto'
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { ByteSpan } from '../protocol/geometry.ts'
import { HASH_LENGTH, leafWidth, merkleRoot, type Sha256Sync } from '../protocol/merkle.ts'
import { SHA1_LENGTH } from '../protocol/metainfo.ts'
import { BLOCK_SIZE, KiB } from '../protocol/units.ts'

/** Consecutive chunks of one file. */
export interface HashJob {
  readonly path: string
  /** Bytes of the whole file. */
  readonly fileSize: number
  readonly chunkSize: number
  /** Starts on a chunk boundary and ends on one or at the end of the file. */
  readonly span: ByteSpan
  /** Whether the SHA-1 of a short last chunk counts the zeros up to the chunk's end (BEP 47). */
  readonly padded: boolean
}

/** Hashes of consecutive chunks, one after the other. */
export interface ChunkHashes {
  /** 32 bytes a chunk: the root of its tree (BEP 52). */
  readonly sha256: Uint8Array<ArrayBuffer>
  /** 20 bytes a chunk: its v1 piece hash (BEP 3). */
  readonly sha1: Uint8Array<ArrayBuffer>
}

/** The file has fewer bytes than it had when its size was read. */
export class FileShrank extends Error {
  override readonly name = 'FileShrank'
}

/** Small enough that the second hash finds the bytes in the processor's cache, large enough to spare system calls. */
const READ_SIZE = 256 * KiB

const ZEROS = new Uint8Array(64 * KiB)

/** SHA-256 at once. `crypto.hash` makes no object for each of the many small inputs; Node has it from 20.12. */
export const sha256: Sha256Sync =
  typeof crypto.hash === 'function'
    ? (bytes) => crypto.hash('sha256', bytes, 'buffer')
    : (bytes) => createHash('sha256').update(bytes).digest()

/**
 * Hashes chunks of a file, reading each byte once.
 * @throws FileShrank when the file ends before the span does; system errors of reading
 */
export function hashChunks(job: HashJob): ChunkHashes {
  const count = Math.ceil((job.span.end - job.span.start) / job.chunkSize)
  const hashes = { sha256: new Uint8Array(count * HASH_LENGTH), sha1: new Uint8Array(count * SHA1_LENGTH) }
  const buffer = Buffer.allocUnsafe(READ_SIZE)
  const descriptor = openSync(job.path, 'r')
  try {
    for (let i = 0; i < count; i++) {
      const start = job.span.start + i * job.chunkSize
      const chunk = hashChunk(job, descriptor, buffer, { start, end: Math.min(start + job.chunkSize, job.span.end) })
      hashes.sha256.set(chunk.sha256, i * HASH_LENGTH)
      hashes.sha1.set(chunk.sha1, i * SHA1_LENGTH)
    }
  } finally {
    closeSync(descriptor)
  }
  return hashes
}

function hashChunk(job: HashJob, descriptor: number, buffer: Buffer, span: ByteSpan) {
  const leaves: Uint8Array[] = []
  const sha1 = createHash('sha1')
  for (let at = span.start; at < span.end; at += buffer.length) {
    const bytes = readExactly(descriptor, buffer.subarray(0, Math.min(buffer.length, span.end - at)), at)
    sha1.update(bytes)
    for (let block = 0; block < bytes.length; block += BLOCK_SIZE)
      leaves.push(sha256(bytes.subarray(block, block + BLOCK_SIZE)))
  }
  if (job.padded) updateWithZeros(sha1, job.chunkSize - (span.end - span.start))
  return { sha256: merkleRoot(leaves, leafWidth(job.fileSize, job.chunkSize), sha256), sha1: sha1.digest() }
}

function readExactly(descriptor: number, into: Buffer, position: number): Buffer {
  for (let filled = 0; filled < into.length; ) {
    const read = readSync(descriptor, into, filled, into.length - filled, position + filled)
    if (read === 0) throw new FileShrank(`ends before byte ${position + into.length}`)
    filled += read
  }
  return into
}

function updateWithZeros(hash: Hash, length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length) hash.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
}
