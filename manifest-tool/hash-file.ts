import { chunkCountOf } from '../protocol/geometry.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { SHA1_LENGTH } from '../protocol/metainfo.ts'
import { MiB } from '../protocol/units.ts'
import type { ChunkHashes, HashJob } from './chunk-hasher.ts'
import type { HashLayout } from './hash-cache.ts'
import type { HashPool } from './hash-pool.ts'

/** Bytes a thread hashes between two messages: some tens of milliseconds of work. */
const JOB_SIZE = 16 * MiB

export interface HashFileOptions extends HashLayout {
  /** Size that the file should have, where the first `size` bytes alone are read; chunk hashes depend on it. */
  readonly fileSize?: number
  /** Told of progress. */
  readonly onBytes?: (bytes: number) => void
}

/**
 * Hashes the first `size` bytes of a file, its parts on all threads of the pool.
 * @throws FileShrank, or the system's error of reading
 */
export async function hashFile(
  pool: HashPool,
  path: string,
  size: number,
  options: HashFileOptions,
): Promise<ChunkHashes> {
  const { chunkSize, padded, onBytes, fileSize = size } = options
  const count = chunkCountOf(size, chunkSize)
  const whole = { sha256: new Uint8Array(count * HASH_LENGTH), sha1: new Uint8Array(count * SHA1_LENGTH) }
  const chunksPerJob = Math.max(1, JOB_SIZE / chunkSize)
  const jobs = (function* () {
    for (let chunk = 0; chunk < count; chunk += chunksPerJob) yield chunk
  })()
  const lane = async () => {
    for (const chunk of jobs) {
      const span = { start: chunk * chunkSize, end: Math.min((chunk + chunksPerJob) * chunkSize, size) }
      const job: HashJob = { path, fileSize, chunkSize, span, padded }
      const part = await pool.hash(job)
      whole.sha256.set(part.sha256, chunk * HASH_LENGTH)
      whole.sha1.set(part.sha1, chunk * SHA1_LENGTH)
      onBytes?.(span.end - span.start)
    }
  }
  // One more lane than threads, so that none waits for the main thread.
  await Promise.all(Array.from({ length: pool.size + 1 }, lane))
  return whole
}
