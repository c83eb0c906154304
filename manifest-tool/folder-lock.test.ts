import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder, runCli } from '../test/harness/cli.ts'
import { madeUp } from '../test/harness/site.ts'
import { withFolderLock } from './folder-lock.ts'

const LOCK = '.tributary.lock'

test('two runs on one folder: the second says so, and leaves the first alone', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 ** 21) })
  let finish = () => {}
  const first = withFolderLock(dir, () => new Promise<void>((resolve) => (finish = resolve)))
  while (!(await readdir(dir)).includes(LOCK)) await new Promise((resolve) => setTimeout(resolve, 1))
  const second = await runCli(['manifest', dir])
  assert.equal(second.code, 1)
  assert.match(
    second.err,
    /^error: another tributary manifest is at work on .+ \(process \d+ .+\) - let it finish, then run this again\n$/,
  )
  finish()
  await first
  assert.deepEqual(await readdir(dir), ['a.bin'])
  assert.equal((await runCli(['manifest', dir])).code, 0)
})

const DEAD: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'of a run that was killed': async (path) => {
    await writeFile(path, `${spawnSync(process.execPath, ['--version']).pid} ${hostname()}`)
  },
  'of a machine that went away': async (path) => {
    await writeFile(path, '1 elsewhere')
    const longAgo = new Date(Date.now() - 120_000)
    await utimes(path, longAgo, longAgo)
  },
}
for (const [name, leave] of Object.entries(DEAD))
  test(`a lock ${name} does not count`, async (t) => {
    const dir = await makeFolder(t, { 'a.bin': 'a' })
    await leave(join(dir, LOCK))
    assert.equal(await withFolderLock(dir, async () => 'done'), 'done')
    assert.deepEqual(await readdir(dir), ['a.bin'])
  })
