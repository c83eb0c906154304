import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readHashes, readManifestFile } from '../../manifest-tool/read-manifest.ts'
import { makeFolder, runCli } from '../harness/cli.ts'
import { madeUp } from '../harness/site.ts'

const bin = fileURLToPath(new URL('../../manifest-tool/bin.ts', import.meta.url))
const NAMES = ['a.bin', 'b.bin', 'c.bin']

/** Kills the command at its nth change to the folder. @returns whether it was killed before it had finished */
async function killAt(dir: string, change: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', 'tsx', bin, 'manifest', dir], { stdio: 'ignore' })
  let seen = 0
  const watcher = watch(dir, { recursive: true }, () => {
    if (++seen === change) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'exit')
  watcher.close()
  return signal === 'SIGKILL'
}

test('killed at any of its writes, it leaves a whole manifest with all of its hash files', async (t) => {
  const dir = await makeFolder(t, Object.fromEntries(NAMES.map((name) => [name, madeUp(name, 2 ** 21)])))
  assert.equal((await runCli(['manifest', dir])).code, 0)
  let killed = 0
  for (const change of [1, 2, 4, 7, 11, 16]) {
    // New contents, so that there is a new manifest to write.
    for (const name of NAMES) await writeFile(join(dir, name), madeUp(`${name} ${change}`, 2 ** 21))
    if (await killAt(dir, change)) killed++
    const manifest = await readManifestFile(dir)
    assert.equal(manifest.swarms.length, NAMES.length)
    for (const swarm of manifest.swarms) await readHashes(dir, swarm)
  }
  assert.ok(killed >= 3, `killed only ${killed} times`)
  assert.equal((await runCli(['manifest', dir])).code, 0)
  assert.equal((await runCli(['verify', dir])).code, 0)
})
