import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { QuotaExceeded } from '../protocol/errors.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import type { RunStore } from '../store/chunk-store.ts'
import { openMemoryStore } from '../store/memory.ts'
import { ChunkSink, type SinkEvents } from './sink.ts'

const CHUNK = 32 * 1024
const swarm = 'a'.repeat(40) as InfoHash
const other = 'b'.repeat(40) as InfoHash
const at = (chunk: number) => chunk as ChunkIndex

/** What a sink has told. */
class Told implements SinkEvents {
  readonly runs: string[] = []
  readonly chunksShed: number[] = []
  readonly failures: unknown[] = []
  room: (keep: InfoHash) => Promise<boolean> = async () => false

  stored = (_: InfoHash, { first, after }: { first: number; after: number }) => void this.runs.push(`${first}-${after}`)
  shed = (_: InfoHash, chunk: number) => void this.chunksShed.push(chunk)
  makeRoom = (keep: InfoHash) => this.room(keep)
  failed = (error: unknown) => void this.failures.push(error)
}

function add(sink: ChunkSink, chunk: number, length = CHUNK, into = swarm): void {
  sink.add({ swarm: into, chunk: at(chunk), bytes: new Uint8Array(length).fill(chunk), chunkSize: CHUNK })
}

test('chunks that come in any order are written in runs', async () => {
  const [store, told] = [openMemoryStore(), new Told()]
  const sink = new ChunkSink(store, told)
  for (const chunk of [3, 1, 2, 9, 8, 20]) add(sink, chunk)
  await sink.settled()
  assert.deepEqual(told.runs.sort(), ['1-4', '20-21', '8-10'])
  assert.deepEqual(await store.read(swarm, at(9)), new Uint8Array(CHUNK).fill(9))
})

test('no run reaches beyond the end of a file', async () => {
  const [store, told] = [openMemoryStore(), new Told()]
  const sink = new ChunkSink(store, told)
  add(sink, 0)
  add(sink, 1, 100) // the last chunk of one file; the next one belongs to another
  add(sink, 2)
  await sink.settled()
  assert.deepEqual(told.runs.sort(), ['0-2', '2-3'])
  assert.equal((await store.read(swarm, at(1)))?.length, 100)
})

test('a chunk that comes twice is stored once', async () => {
  const [store, told] = [openMemoryStore(), new Told()]
  const sink = new ChunkSink(store, told)
  for (const chunk of [5, 5, 6, 5]) add(sink, chunk)
  await sink.settled()
  const chunks = (await store.runs(swarm)).flatMap(({ first, after }) => [first, after])
  assert.deepEqual([chunks.at(0), chunks.at(-1)], [5, 7])
  assert.equal(sink.pendingBytes, 0)
})

test('without room another swarm is given up, and the write repeated', async () => {
  const [store, told] = [openMemoryStore(3 * CHUNK), new Told()]
  await store.write(other, at(0), [new Uint8Array(CHUNK), new Uint8Array(CHUNK)])
  told.room = async (keep) => {
    const oldest = (await store.swarms()).find((each) => each !== keep)
    if (oldest) await store.drop(oldest)
    return oldest !== undefined
  }
  const sink = new ChunkSink(store, told)
  for (const chunk of [0, 1, 2]) add(sink, chunk)
  await sink.settled()
  assert.deepEqual(told.runs, ['0-3'])
  assert.deepEqual(await store.swarms(), [swarm])
})

test('where no room can be made chunks pass by, and the store is left alone for a while', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1e12 })
  let writes = 0
  const store: RunStore = openMemoryStore(0)
  const write = store.write.bind(store)
  store.write = (...args) => {
    writes++
    return write(...args)
  }
  const told = new Told()
  const sink = new ChunkSink(store, told)
  add(sink, 0)
  await sink.settled()
  add(sink, 1)
  await sink.settled()
  assert.deepEqual(told.chunksShed, [0, 1])
  assert.equal(writes, 1)
  t.mock.timers.setTime(1e12 + 61_000)
  add(sink, 2)
  await sink.settled()
  assert.equal(writes, 2)
  assert.deepEqual(told.failures, [])
  assert.equal(sink.pendingBytes, 0)
})

test('a store that fails is told of, not thrown', async () => {
  const store = openMemoryStore()
  store.write = async () => {
    throw new DOMException('gone', 'UnknownError')
  }
  const told = new Told()
  const sink = new ChunkSink(store, told)
  add(sink, 0)
  await sink.settled()
  assert.equal(told.failures.length, 1)
  assert.deepEqual(told.chunksShed, [0])
})

test('a store that hangs holds a bounded number of bytes', () => {
  const store = openMemoryStore()
  store.write = () => new Promise(() => {})
  const told = new Told()
  const sink = new ChunkSink(store, told)
  for (let chunk = 0; chunk < 2_000; chunk++) add(sink, chunk)
  assert.ok(sink.pendingBytes <= 16 * MiB)
  assert.equal(told.chunksShed.length, 2_000 - sink.pendingBytes / CHUNK)
})

/** A store whose writes take one second each of a clock that a test moves. */
function slowStore(t: TestContext): { readonly sink: ChunkSink; readonly sizes: number[] } {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1e12 })
  const store = openMemoryStore()
  const sizes: number[] = []
  store.write = async (_swarm, _first, chunks) => {
    sizes.push(chunks.reduce((sum, { length }) => sum + length, 0) / MiB)
    await new Promise<void>((resolve) => setTimeout(resolve, 1_000))
  }
  return { sink: new ChunkSink(store, new Told()), sizes }
}

function addLarge(sink: ChunkSink, ...chunks: number[]): void {
  for (const chunk of chunks) sink.add({ swarm, chunk: at(chunk), bytes: new Uint8Array(2 * MiB), chunkSize: 2 * MiB })
}

async function pass(t: TestContext, ms: number): Promise<void> {
  t.mock.timers.tick(ms)
  await new Promise((resolve) => setImmediate(resolve))
}

test('storing that cannot keep up takes half of the time, in longer runs', async (t) => {
  const { sink, sizes } = slowStore(t)
  addLarge(sink, 0, 1, 2, 3, 4, 5, 6, 7)
  await pass(t, 0)
  assert.deepEqual(sizes, [8])
  await pass(t, 1_000)
  assert.deepEqual(sizes, [8], 'it rests as long as it took')
  await pass(t, 999)
  assert.deepEqual(sizes, [8])
  await pass(t, 1)
  assert.deepEqual(sizes, [8, 8])
})

test('storing that keeps up does not rest', async (t) => {
  const { sink, sizes } = slowStore(t)
  addLarge(sink, 0, 1)
  await pass(t, 0)
  addLarge(sink, 2, 3, 4)
  await pass(t, 1_000)
  assert.deepEqual(sizes, [4, 6])
})

test('a swarm that could make room for itself alone is not given up', async () => {
  const [store, told] = [openMemoryStore(2 * CHUNK), new Told()]
  await store.write(swarm, at(0), [new Uint8Array(CHUNK)])
  const kept: InfoHash[] = []
  told.room = async (keep) => {
    kept.push(keep)
    return false
  }
  const sink = new ChunkSink(store, told)
  for (const chunk of [7, 8]) add(sink, chunk)
  await sink.settled()
  assert.deepEqual(kept, [swarm])
  assert.deepEqual(told.chunksShed, [7, 8])
  await assert.rejects(store.write(swarm, at(9), [new Uint8Array(2 * CHUNK)]), QuotaExceeded)
})
