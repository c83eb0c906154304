import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { QuotaExceeded } from '../protocol/errors.ts'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../protocol/units.ts'
import { makeScratch } from '../test/harness/scratch.ts'
import { chunkStoreContract } from './chunk-store.contract.ts'
import { type DiskStore, ForeignFolder, type LevelDbOptions, openLevelDb } from './leveldb.ts'

const SWARM = 'a'.repeat(40) as InfoHash
const at = (n: number) => n as ChunkIndex
const span = (first: number, after: number) => ({ first: at(first), after: at(after) })
const chunkOf = (n: number, size = 64 * KiB) => new Uint8Array(size).fill(n)

async function open(t: TestContext, options: LevelDbOptions = {}, folder?: string): Promise<DiskStore> {
  const store = await openLevelDb(folder ?? (await makeScratch(t, 'leveldb')), options)
  t.after(() => store.close())
  return store
}

/** How long a process has to write before it is killed. */
const LIVES_MS = [0, 1, 2, 3, 5]

async function openTorn(
  t: TestContext,
  [swarm, first, chunks]: [InfoHash, ChunkIndex, readonly Uint8Array[]],
): Promise<DiskStore> {
  const folder = await makeScratch(t, 'leveldb')
  const shape = chunks.map((chunk) => [chunk.length, chunk[0]])
  for (const lifeMs of LIVES_MS) {
    const source = `
      const { openLevelDb } = await import(${JSON.stringify(new URL('leveldb.ts', import.meta.url).href)})
      const store = await openLevelDb(${JSON.stringify(folder)})
      const chunks = ${JSON.stringify(shape)}.map(([length, value]) => new Uint8Array(length).fill(value))
      void store.write('${swarm}', ${first}, chunks)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${lifeMs})`
    spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: 'inherit' })
  }
  return await open(t, {}, folder)
}

for (const { name, run } of chunkStoreContract) {
  test(`leveldb: ${name}`, async (t) => {
    const shared = await open(t)
    await run({
      open: async () => shared,
      openSmall: (capacity) => open(t, { capacity }),
      openTorn: (...run) => openTorn(t, run),
    })
  })
}

test('what was written is there after the process was killed, and nothing else is', { timeout: 60_000 }, async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  const source = `
    const { openLevelDb } = await import(${JSON.stringify(new URL('leveldb.ts', import.meta.url).href)})
    const store = await openLevelDb(${JSON.stringify(folder)})
    for (let i = 0; ; i += 4) {
      await store.write('${SWARM}', i, [i, i + 1, i + 2, i + 3].map((n) => new Uint8Array(${64 * KiB}).fill(n)))
      console.log(i + 4)
    }`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let written = 0
  for await (const text of child.stdout) {
    written = Number(String(text).trim().split('\n').pop())
    if (written >= 60 && !child.killed) child.kill('SIGKILL')
  }
  await writeFile(join(folder, 'runs', SWARM, 'ffffff00'), 'what the process was writing')
  const store = await open(t, {}, folder)
  assert.equal(store.wasClosed, false)
  const held = (await store.runs(SWARM)).reduce((sum, { first, after }) => sum + after - first, 0)
  assert.ok(held >= written, `${held} of at least ${written} chunks`)
  for (let i = 0; i < held; i++) assert.deepEqual(await store.read(SWARM, at(i)), chunkOf(i & 0xff))
  assert.equal((await readdir(join(folder, 'runs', SWARM))).length, held / 4)
})

test('a store that was closed says so, once', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  for (const wasClosed of [true, true]) {
    const store = await openLevelDb(folder)
    assert.equal(store.wasClosed, wasClosed)
    await store.write(SWARM, at(3), [chunkOf(3)])
    await store.values.set('a value', { of: new Uint8Array([1, 2]).buffer })
    await store.close()
  }
  const store = await open(t, {}, folder)
  assert.deepEqual(await store.runs(SWARM), [span(3, 4)])
  assert.deepEqual(await store.values.get('a value'), { of: new Uint8Array([1, 2]).buffer })
  await store.values.clear()
  assert.equal(await store.values.get('a value'), undefined)
})

test('a run whose file is gone or cut off is forgotten, its neighbours stay', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  const store = await open(t, {}, folder)
  for (const first of [0, 2, 4]) await store.write(SWARM, at(first), [chunkOf(first), chunkOf(first + 1)])
  await rm(join(folder, 'runs', SWARM, '00000000'))
  await truncate(join(folder, 'runs', SWARM, '00000002'), 100 * KiB)
  assert.equal(await store.read(SWARM, at(1)), undefined)
  assert.equal(await store.read(SWARM, at(3)), undefined)
  assert.deepEqual(await store.read(SWARM, at(4)), chunkOf(4))
  assert.deepEqual(await store.runs(SWARM), [span(4, 6)])
  await store.write(SWARM, at(1), [chunkOf(1), chunkOf(2)])
  assert.deepEqual(await store.read(SWARM, at(1)), chunkOf(1))
})

test('a look-up reads on within its run, up to a mebibyte', async (t) => {
  const store = await open(t)
  await store.write(
    SWARM,
    at(10),
    Array.from({ length: 24 }, (_, i) => chunkOf(10 + i)),
  )
  const [run, ...more] = await store.readRuns(SWARM, span(12, 13))
  assert.equal(more.length, 0)
  assert.deepEqual([run?.chunks, run?.chunkSize], [span(12, 28), 64 * KiB])
  assert.ok(run?.data instanceof Uint8Array && run.data.length === MiB && run.data[0] === 12)
  assert.deepEqual((await store.readRuns(SWARM, span(33, 40)))[0]?.chunks, span(33, 34))
})

test('a larger chunk stays on the disk until a part of it is asked for', async (t) => {
  const store = await open(t)
  const chunk = new Uint8Array(2 * MiB).map((_, i) => i >> 12)
  await store.write(SWARM, at(7), [chunk, chunk.subarray(0, 5)])
  const [run] = await store.readRuns(SWARM, span(7, 8))
  assert.deepEqual(run?.chunks, span(7, 8))
  assert.ok(run !== undefined && 'read' in run.data)
  assert.deepEqual(await run.data.read(MiB - 1, MiB + 2), chunk.subarray(MiB - 1, MiB + 2))
  assert.deepEqual(await run.data.read(2 * MiB - 3, 3 * MiB), chunk.subarray(2 * MiB - 3))
  const [last] = await store.readRuns(SWARM, span(8, 9))
  assert.ok(last !== undefined && 'read' in last.data)
  assert.deepEqual(await last.data.read(0, 9), chunk.subarray(0, 5))
  await store.forget(SWARM, span(7, 8))
  for (const wanted of [run.data, last.data]) assert.equal(await wanted.read(0, 1), undefined)
})

test('what is forgotten leaves the disk, and the order of use outlives the process', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  let nowMs = 1_000
  const options = { capacity: 256 * KiB, now: () => nowMs++ }
  const before = await openLevelDb(folder, options)
  for (const i of [0, 1, 2, 3]) await before.write(SWARM, at(i), [chunkOf(i)])
  await before.read(SWARM, at(1))
  await before.close()
  const store = await open(t, options, folder)
  const order = () => [...store.stored()].map(({ chunks }) => chunks.first)
  assert.deepEqual(order(), [0, 2, 3, 1])
  await assert.rejects(store.write(SWARM, at(9), [chunkOf(9)]), QuotaExceeded)
  const gone = await store.forget(SWARM, span(2, 3))
  assert.deepEqual(
    gone.map(({ chunks, bytes }) => [chunks, bytes]),
    [[span(2, 3), 64 * KiB]],
  )
  assert.deepEqual(await readdir(join(folder, 'runs', SWARM)), ['00000000', '00000001', '00000003'])
  await store.write(SWARM, at(9), [chunkOf(9)])
  assert.deepEqual(order(), [0, 3, 1, 9])
  assert.equal(store.used, 256 * KiB)
})

test('a disk that is full refuses a run whole, and takes it when something is forgotten', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', folder]).status === 0
  if (!mounted) return t.skip('only root may mount a small disk')
  // Before the folder itself is removed, and that is what the test context does first.
  const store = await openLevelDb(folder)
  try {
    const run = (n: number) => [chunkOf(n, MiB), chunkOf(n + 1, MiB)]
    await store.write(SWARM, at(0), run(0))
    await assert.rejects(store.write(SWARM, at(2), run(2)), QuotaExceeded)
    assert.deepEqual(await store.runs(SWARM), [span(0, 2)])
    assert.deepEqual(await readdir(join(folder, 'runs', SWARM)), ['00000000'])
    await store.forget(SWARM, span(0, 1))
    await store.write(SWARM, at(2), run(2))
    assert.deepEqual(await store.read(SWARM, at(3)), chunkOf(3, MiB))
  } finally {
    await store.close()
    spawnSync('umount', [folder])
  }
})

test('a folder of something else is left alone', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  await writeFile(join(folder, 'thesis.txt'), 'years of work')
  await assert.rejects(openLevelDb(folder), ForeignFolder)
  assert.deepEqual(await readdir(folder), ['thesis.txt'])
  await rm(join(folder, 'thesis.txt'))
  await mkdir(join(folder, 'lost+found'))
  await open(t, {}, folder)
})

test('a database that is broken is repaired or made anew, and takes chunks again', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  const before = await openLevelDb(folder)
  await before.write(SWARM, at(0), [chunkOf(0)])
  await before.close()
  for (const name of await readdir(folder))
    if (/^(MANIFEST|CURRENT)/.test(name)) await writeFile(join(folder, name), 'x')
  const store = await open(t, {}, folder)
  await store.write(SWARM, at(0), [chunkOf(0)])
  assert.deepEqual(await store.read(SWARM, at(0)), chunkOf(0))
  assert.equal((await stat(join(folder, 'runs', SWARM, '00000000'))).size, 64 * KiB)
})
