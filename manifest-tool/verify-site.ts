import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOfChunk, chunkCountOf } from '../protocol/geometry.ts'
import type { Manifest, ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import { HASH_LENGTH, sameHash } from '../protocol/merkle.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import type { BuildProgress } from './build-manifest.ts'
import { FileShrank } from './chunk-hasher.ts'
import { Failure, fileFailure, systemErrorCode } from './failure.ts'
import { hashFile } from './hash-file.ts'
import type { HashPool } from './hash-pool.ts'
import { readHashes } from './read-manifest.ts'

/** What is wrong with a site. Positions in bytes of the file; half-open. */
export type Problem =
  | {
      readonly kind: 'chunk'
      readonly path: string
      readonly chunk: number
      readonly start: number
      readonly end: number
    }
  | { readonly kind: 'size'; readonly path: string; readonly size: number; readonly expected: number }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'hashes'; readonly path: string; readonly detail: string }

export interface VerifyOptions {
  readonly pool: HashPool
  readonly progress?: BuildProgress
  readonly signal?: AbortSignal
}

/**
 * Checks every file of a manifest, byte by byte.
 * @param root folder of the site
 * @throws Failure when a file cannot be read
 */
export async function verifySite(root: string, manifest: Manifest, options: VerifyOptions): Promise<Problem[]> {
  const files = manifest.swarms.flatMap((swarm) => swarm.files)
  options.progress?.start(files.reduce((sum, file) => sum + file.size, 0))
  const problems: Problem[] = []
  for (const swarm of manifest.swarms) problems.push(...(await verifySwarm(root, swarm, options)))
  return problems
}

async function verifySwarm(root: string, swarm: SwarmManifest, options: VerifyOptions): Promise<Problem[]> {
  let hashes: Uint8Array
  try {
    hashes = await readHashes(root, swarm)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return [{ kind: 'hashes', path: swarm.hashes, detail: error.message }]
  }
  const problems: Problem[] = []
  // Files in their order; the parts of one keep all threads busy. Small files go side by side.
  const queue = swarm.files.entries()
  const found: Problem[][] = []
  const lane = async () => {
    for (const [i, file] of queue) found[i] = await verifyFile(join(root, file.path), file, { ...options, hashes })
  }
  await Promise.all(Array.from({ length: options.pool.size }, lane))
  return problems.concat(...found)
}

async function verifyFile(
  absolute: string,
  file: ManifestFile,
  { pool, progress, signal, hashes }: VerifyOptions & { hashes: Uint8Array },
): Promise<Problem[]> {
  signal?.throwIfAborted()
  const { path, size: expected, chunkSize, firstChunk } = file
  const size = await sizeOf(absolute)
  if (size === undefined) return [{ kind: 'missing', path }]
  const actual = await hashFile(pool, absolute, Math.min(size, expected), {
    chunkSize,
    padded: false,
    fileSize: expected,
    onBytes: (bytes) => progress?.add(bytes),
  }).catch((error) => {
    signal?.throwIfAborted()
    if (error instanceof FileShrank)
      throw new Failure(`${absolute} changed while it was read`, 'let the writing finish, then run this again')
    throw fileFailure(error, 'read', absolute)
  })
  const problems: Problem[] = size === expected ? [] : [{ kind: 'size', path, size, expected }]
  for (let i = 0; i < chunkCountOf(expected, chunkSize); i++) {
    const chunk = (firstChunk + i) as ChunkIndex
    const good = sameHash(hashAt(actual.sha256, i), hashAt(hashes, chunk))
    if (!good) problems.push({ kind: 'chunk', path, chunk, ...bytesOfChunk(file, chunk) })
  }
  return problems
}

/** Empty past the end: then it is no chunk's hash. */
function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * HASH_LENGTH, (index + 1) * HASH_LENGTH)
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const stats = await stat(path)
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined
    throw fileFailure(error, 'read', path)
  }
}
