import assert from 'node:assert/strict'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from '../test/harness/cli.ts'
import { buildManifest, DEFAULT_OPTIONS } from './build-manifest.ts'
import type { ChunkHashes, HashJob } from './chunk-hasher.ts'
import { Failure } from './failure.ts'
import { HashCache } from './hash-cache.ts'
import { HashPool } from './hash-pool.ts'

const options = { ...DEFAULT_OPTIONS, minSize: 1 }

/** A pool that lets something happen to the files between the scan and the hashing. */
class DisturbedPool extends HashPool {
  readonly #disturb: () => Promise<void>

  constructor(disturb: () => Promise<void>) {
    super(1)
    this.#disturb = disturb
  }

  override async hash(job: HashJob): Promise<ChunkHashes> {
    await this.#disturb()
    return super.hash(job)
  }
}

async function build(dir: string, disturb: () => Promise<void>) {
  const pool = new DisturbedPool(disturb)
  try {
    return await buildManifest(dir, options, { pool, cache: new HashCache() })
  } finally {
    await pool.close()
  }
}

test('a file that grows while it is hashed is hashed again as it is then', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a'.repeat(100_000) })
  let times = 0
  const { manifest } = await build(dir, async () => {
    if (times++ === 0) await appendFile(join(dir, 'a.bin'), 'b')
  })
  assert.equal(manifest.swarms[0]?.files[0]?.size, 100_001)
})

test('a file that shrinks while it is hashed is hashed again as it is then', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a'.repeat(100_000) })
  let times = 0
  const { manifest } = await build(dir, async () => {
    if (times++ === 0) await truncate(join(dir, 'a.bin'), 50_000)
  })
  assert.equal(manifest.swarms[0]?.files[0]?.size, 50_000)
})

test('a file that keeps changing is a failure that names it', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a'.repeat(100_000) })
  const change = () => appendFile(join(dir, 'a.bin'), 'b')
  await assert.rejects(build(dir, change), (error) => error instanceof Failure && /^a\.bin changed/.test(error.message))
})

test('a file that is emptied while others are hashed is left out', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a'.repeat(100_000), 'b.bin': 'b' })
  const { manifest } = await build(dir, () => writeFile(join(dir, 'b.bin'), ''))
  assert.deepEqual(
    manifest.swarms.flatMap((swarm) => swarm.files.map((file) => file.path)),
    ['a.bin'],
  )
})
