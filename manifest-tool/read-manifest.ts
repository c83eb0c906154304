import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ManifestError } from '../protocol/errors.ts'
import { MANIFEST_NAME, type Manifest, parseManifest, type SwarmManifest } from '../protocol/manifest.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { Failure, fileFailure, systemErrorCode } from './failure.ts'

const REMAKE = 'make a new one with tributary manifest'

/**
 * Reads the manifest of a site's folder.
 * @throws Failure when there is none or it is broken
 */
export async function readManifestFile(folder: string): Promise<Manifest> {
  return parseManifestText(await readManifestText(folder), join(folder, MANIFEST_NAME))
}

/** @throws Failure when there is none or it cannot be read */
export async function readManifestText(folder: string): Promise<string> {
  const path = join(folder, MANIFEST_NAME)
  return readFile(path, 'utf8').catch((error) => {
    if (systemErrorCode(error) === 'ENOENT')
      throw new Failure(`${folder} has no ${MANIFEST_NAME}`, `make one with: tributary manifest ${folder}`)
    throw fileFailure(error, 'read', path)
  })
}

/**
 * @param from what to call the manifest in an error
 * @throws Failure when it is not a manifest
 */
export function parseManifestText(text: string, from: string): Manifest {
  try {
    return parseManifest(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failure(`${from} is not JSON`, REMAKE, { cause: error })
    if (error instanceof ManifestError) throw new Failure(`${from}: ${error.message}`, REMAKE, { cause: error })
    throw error
  }
}

/**
 * Reads the chunk hashes of a swarm and checks them against the manifest.
 * @throws Failure when they are missing or not the ones that the manifest means
 */
export async function readHashes(folder: string, swarm: SwarmManifest): Promise<Uint8Array> {
  const path = join(folder, swarm.hashes)
  const bytes = await readFile(path).catch((error) => {
    throw fileFailure(error, 'read', path)
  })
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
  if (digest !== swarm.hashesDigest || bytes.length !== swarm.chunkCount * HASH_LENGTH)
    throw new Failure(`${path} is not the file that the manifest means`, REMAKE)
  return bytes
}
