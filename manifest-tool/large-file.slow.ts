import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { merkleRoot } from '../protocol/merkle.ts'
import { BLOCK_SIZE, MiB } from '../protocol/units.ts'
import { makeFolder } from '../test/harness/cli.ts'
import { sha256 } from './chunk-hasher.ts'
import { readHashes, readManifestFile } from './read-manifest.ts'

const bin = fileURLToPath(new URL('bin.ts', import.meta.url))
const SIZE = 10 * 1024 * MiB
const MOST_MEMORY = 200 * MiB

/** Largest resident size of a process in bytes; Linux alone tells. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

test('a sparse file of 10 GiB is hashed in constant memory', async (t) => {
  const dir = await makeFolder(t, {})
  const path = join(dir, 'large.bin')
  await writeFile(path, '')
  await truncate(path, SIZE)
  const file = await open(path, 'r+')
  await file.write(Buffer.from('end'), 0, 3, SIZE - 3)
  await file.close()

  const child = spawn(process.execPath, ['--import', 'tsx', bin, 'manifest', dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let peak = 0
  // Without a terminal the command reports every five seconds.
  child.stderr.on('data', async () => {
    peak = Math.max(peak, await peakMemory(child.pid ?? 0))
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  assert.ok(peak < MOST_MEMORY, `${peak / MiB} MiB`)

  const [swarm] = (await readManifestFile(dir)).swarms
  assert.ok(swarm)
  assert.deepEqual([swarm.chunkSize, swarm.chunkCount], [16 * MiB, 640])
  const hashes = await readHashes(dir, swarm)
  const zeros = createHash('sha256').update(new Uint8Array(BLOCK_SIZE)).digest()
  const empty = merkleRoot(Array<Uint8Array>(1024).fill(zeros), 1024, sha256)
  for (let chunk = 0; chunk < 639; chunk++)
    assert.ok(Buffer.from(empty).equals(hashes.subarray(32 * chunk, 32 * chunk + 32)), `chunk ${chunk}`)
  assert.ok(!Buffer.from(empty).equals(hashes.subarray(32 * 639)))
})
