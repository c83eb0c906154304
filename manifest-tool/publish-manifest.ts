import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MANIFEST_NAME, type Manifest, writeManifest } from '../protocol/manifest.ts'
import type { BuiltManifest } from './build-manifest.ts'
import { fileFailure } from './failure.ts'
import { CACHE_NAME, type HashCache } from './hash-cache.ts'
import { HASH_FOLDER, OWN_HASH_FILE } from './scan.ts'

/** Marks files that are not yet, or will never be, in place. */
const TEMPORARY = /^\.tributary-\d+-\d+\.tmp$/
let temporaryCount = 0

/**
 * Puts a manifest and its hash files in place. The manifest comes last, in one rename: whenever this stops, the folder
 * holds a whole manifest with all of its hash files, the old or the new. What only the old one needed goes afterwards.
 * @throws Failure when something cannot be written
 */
export async function publishManifest(folder: string, built: BuiltManifest, cache?: HashCache): Promise<void> {
  try {
    await mkdir(join(folder, HASH_FOLDER), { recursive: true })
    for (const [path, bytes] of built.hashFiles) await place(join(folder, path), bytes)
    await syncFolder(join(folder, HASH_FOLDER))
    await place(join(folder, MANIFEST_NAME), writeManifest(built.manifest))
    await syncFolder(folder)
    if (cache) await place(join(folder, HASH_FOLDER, CACHE_NAME), cache.write())
    await removeStale(folder, built.manifest)
  } catch (error) {
    throw fileFailure(error, 'write to', folder)
  }
}

/** Writes a file beside its place, to the disk, then renames it: readers see the old file or the new, never a part. */
async function place(path: string, content: Uint8Array | string): Promise<void> {
  const old = await readFile(path).catch(() => undefined)
  if (old?.equals(Buffer.from(content))) return
  const temporary = join(dirname(path), `.tributary-${process.pid}-${temporaryCount++}.tmp`)
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Makes renames in a folder last through a power cut. Not every system can open a folder; there the renames alone do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

async function removeStale(folder: string, manifest: Manifest): Promise<void> {
  const wanted = new Set(manifest.swarms.flatMap(({ hashes, torrent }) => [hashes, torrent]))
  for (const name of await readdir(join(folder, HASH_FOLDER))) {
    const stale = OWN_HASH_FILE.test(name) && !wanted.has(`${HASH_FOLDER}/${name}`)
    if (stale || TEMPORARY.test(name)) await rm(join(folder, HASH_FOLDER, name), { force: true })
  }
  for (const name of await readdir(folder)) if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true })
}
