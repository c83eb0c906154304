import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../../protocol/units.ts'
import { openLevelDb } from '../../store/leveldb.ts'
import { makeScratch } from '../../test/harness/scratch.ts'
import { WaryStore } from './wary-store.ts'

const SWARM = 'a'.repeat(40) as InfoHash
const at = (n: number) => n as ChunkIndex
const span = (first: number, after: number) => ({ first: at(first), after: at(after) })
const chunkOf = (n: number) => new Uint8Array(16 * KiB).fill(n)

test('a chunk that the disk has spoilt is given to nobody, and its run is forgotten', async (t) => {
  const folder = await makeScratch(t, 'wary')
  const disk = await openLevelDb(folder)
  t.after(() => disk.close())
  const asked: number[] = []
  const spoilt: number[] = []
  const store = new WaryStore({
    store: disk,
    check: async (_, chunk, bytes) => {
      asked.push(chunk)
      return bytes.every((byte) => byte === chunk)
    },
    spoilt: (_, chunk) => spoilt.push(chunk),
  })
  await store.write(SWARM, at(0), [chunkOf(0), chunkOf(1), chunkOf(2)])
  await store.write(SWARM, at(3), [chunkOf(3)])
  assert.equal((await store.readRuns(SWARM, span(0, 4))).length, 2)
  assert.deepEqual(asked.splice(0), [0, 1, 2, 3])
  assert.deepEqual(await store.read(SWARM, at(1)), chunkOf(1))
  assert.deepEqual(asked, [], 'once is enough')

  const again = new WaryStore({
    store: disk,
    check: async (_, chunk, bytes) => bytes.every((byte) => byte === chunk),
    spoilt: (_, chunk) => spoilt.push(chunk),
  })
  const file = await open(join(folder, 'runs', SWARM, '00000000'), 'r+')
  await file.write(new Uint8Array([99]), 0, 1, 20 * KiB)
  await file.close()
  const runs = await again.readRuns(SWARM, span(0, 4))
  assert.deepEqual(
    runs.map(({ chunks }) => chunks),
    [span(3, 4)],
  )
  assert.deepEqual(spoilt, [1])
  assert.deepEqual(await again.runs(SWARM), [span(3, 4)])
  await again.write(SWARM, at(0), [chunkOf(0), chunkOf(1), chunkOf(2)])
  assert.deepEqual(await again.read(SWARM, at(1)), chunkOf(1))
})

test('a large chunk is looked at once, and read part by part', async (t) => {
  const folder = await makeScratch(t, 'wary')
  const disk = await openLevelDb(folder)
  t.after(() => disk.close())
  const large = (n: number) => new Uint8Array(2 * MiB).fill(n)
  let looks = 0
  const store = new WaryStore({
    store: disk,
    check: async (_, chunk, bytes) => {
      looks++
      return bytes.length === 2 * MiB && bytes.every((byte) => byte === chunk)
    },
    spoilt: () => undefined,
  })
  await store.write(SWARM, at(0), [large(0), large(1)])
  await store.write(SWARM, at(2), [large(99)])
  const asked = Array.from({ length: 50 }, () => store.readRuns(SWARM, span(1, 2)))
  for (const [run] of await Promise.all(asked)) {
    assert.ok(run !== undefined && 'read' in run.data)
    assert.deepEqual(await run.data.read(5, 7), Uint8Array.of(1, 1))
  }
  assert.equal(looks, 1)
  assert.deepEqual(await store.readRuns(SWARM, span(2, 3)), [])
  assert.deepEqual(await store.runs(SWARM), [span(0, 2)])
})

test('what cannot be verified now is not given out now, and stays', async (t) => {
  const disk = await openLevelDb(await makeScratch(t, 'wary'))
  t.after(() => disk.close())
  let hashes = false
  const store = new WaryStore({
    store: disk,
    check: async () => {
      if (!hashes) throw new Error('no hashes')
      return true
    },
    spoilt: () => assert.fail('nothing is spoilt'),
  })
  await store.write(SWARM, at(0), [chunkOf(0)])
  assert.equal(await store.read(SWARM, at(0)), undefined)
  hashes = true
  assert.deepEqual(await store.read(SWARM, at(0)), chunkOf(0))
})
