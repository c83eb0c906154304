import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { ClassicLevel } from 'classic-level'
import { QuotaExceeded } from '../protocol/errors.ts'
import { type ChunkIndex, type InfoHash, KiB } from '../protocol/units.ts'
import { makeScratch } from '../test/harness/scratch.ts'
import { chunkStoreContract } from './chunk-store.contract.ts'
import { evictingStore } from './evicting.ts'
import { type LevelDbOptions, openLevelDb } from './leveldb.ts'

const SWARM = 'a'.repeat(40) as InfoHash
const at = (n: number) => n as ChunkIndex
const chunkOf = (n: number, size = 64 * KiB) => new Uint8Array(size).fill(n)

async function open(t: TestContext, options: LevelDbOptions = {}, folder?: string) {
  const store = await openLevelDb(folder ?? (await makeScratch(t, 'leveldb')), options)
  t.after(() => store.close())
  return store
}

for (const { name, run } of chunkStoreContract) {
  test(`leveldb: ${name}`, async (t) => {
    const shared = await open(t)
    await run({ open: async () => shared, openSmall: (capacity) => open(t, { capacity }) })
  })
}

test('what was written is there after the process was killed', { timeout: 60_000 }, async (t) => {
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
  const store = await open(t, {}, folder)
  const held = (await store.runs(SWARM)).reduce((sum, { first, after }) => sum + after - first, 0)
  assert.ok(held >= written, `${held} of at least ${written} chunks`)
  for (let i = 0; i < held; i++) assert.deepEqual(await store.read(SWARM, at(i)), chunkOf(i & 0xff))
})

test('a chunk that the disk has spoilt is forgotten, its neighbours stay', async (t) => {
  const folder = await makeScratch(t, 'leveldb')
  const before = await openLevelDb(folder)
  const chunks = [1, 2, 3, 4].map((n) => crypto.getRandomValues(chunkOf(n, 4 * KiB)))
  await before.write(SWARM, at(0), chunks)
  before.close()
  await assert.rejects(before.touch(SWARM), 'it comes after the close')
  await spoil(folder, `chunk!${SWARM}!00000001`)
  const store = await open(t, { capacity: 16 * KiB }, folder)
  assert.equal(await store.read(SWARM, at(1)), undefined)
  assert.deepEqual(await store.runs(SWARM), [
    { first: 0, after: 1 },
    { first: 2, after: 4 },
  ])
  for (const i of [0, 2, 3]) assert.deepEqual(await store.read(SWARM, at(i)), chunks[i])
  await store.write(SWARM, at(1), [chunks[1] ?? chunkOf(0)])
  assert.deepEqual(await store.read(SWARM, at(1)), chunks[1])
  await assert.rejects(store.write(SWARM, at(4), [chunkOf(9, 1)]), QuotaExceeded)
})

test('room is made by dropping what nobody has asked for longest', async (t) => {
  let nowMs = 0
  const now = () => nowMs
  const store = evictingStore(await open(t, { capacity: 256 * KiB, now }), now)
  const swarms = ['1', '2', '3', '4', '5'].map((digit) => digit.repeat(40) as InfoHash)
  const [one = SWARM, two = SWARM, three = SWARM, four = SWARM, five = SWARM] = swarms
  for (const swarm of [one, two, three, four]) {
    nowMs += 100_000
    await store.write(swarm, at(0), [chunkOf(7)])
  }
  nowMs += 100_000
  assert.deepEqual(await store.read(one, at(0)), chunkOf(7))
  await store.write(five, at(0), [chunkOf(8), chunkOf(9)])
  assert.deepEqual(await store.swarms(), [four, one, five])
  await assert.rejects(store.write(five, at(2), [chunkOf(1, 512 * KiB)]), QuotaExceeded)
  assert.deepEqual(await store.swarms(), [five])
})

/** Changes one byte of a value, beneath the store. */
async function spoil(folder: string, key: string): Promise<void> {
  const database = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' })
  const value = await database.get(key)
  assert.ok(value)
  const changed = Uint8Array.from(value)
  changed[1000] = (changed[1000] ?? 0) ^ 1
  await database.put(key, changed)
  await database.close()
}
