import { createHash } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { MiB } from '../../protocol/units.ts'
import { chunkRoot } from '../../seeder/chunk-root.ts'

const CHUNK = 1 * MiB

/**
 * A site of so many files that hold nothing but holes, and its manifest, as `tributary manifest` would write it after
 * hours of hashing: all chunks are alike.
 */
export async function writeLargeSite(dir: string, files: number, chunksEach: number): Promise<void> {
  const size = chunksEach * CHUNK
  const root = chunkRoot(new Uint8Array(CHUNK), size, CHUNK)
  const hashes = Buffer.concat(Array.from({ length: chunksEach }, () => root))
  const hashesDigest = `sha-256=:${createHash('sha256').update(hashes).digest('base64')}:`
  const swarms = Array.from({ length: files }, (_, i) => {
    const infoHash = createHash('sha1').update(`file ${i}`).digest('hex')
    const path = `films/${Math.floor(i / 100)}/${i}.bin`
    const file = { path, size, type: 'application/octet-stream', firstChunk: 0 }
    const chunks = { infoHash, chunkSize: CHUNK, chunkCount: chunksEach }
    return { ...chunks, hashes: `chunks/${infoHash}.sha256`, hashesDigest, files: [file] }
  })
  await mkdir(join(dir, 'chunks'))
  for (const swarm of swarms) {
    for (const { path } of swarm.files) {
      await mkdir(dirname(join(dir, path)), { recursive: true })
      const file = await open(join(dir, path), 'w')
      await file.truncate(size)
      await file.close()
    }
    await writeFile(join(dir, swarm.hashes), hashes)
  }
  const mesh = { announce: ['/announce'], iceServers: [] }
  await writeFile(join(dir, MANIFEST_NAME), JSON.stringify({ version: 1, mesh, swarms }))
}
