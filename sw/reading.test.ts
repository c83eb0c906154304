import assert from 'node:assert/strict'
import { test as run, type TestContext } from 'node:test'
import type { ChunkIndex } from '../protocol/units.ts'
import { openMemoryStore, openMemoryValues } from '../store/memory.ts'
import { SwarmCache } from '../supply/swarm-cache.ts'
import { digestOf, madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// Readers that share, pause, leave and come late; stores that fail under them.

const KiB = 1024
const MiB = 1024 * KiB
const test = (name: string, work: (t: TestContext) => Promise<void>) => run(name, { timeout: 20_000 }, work)

async function digest(response: Promise<Response>): Promise<string> {
  return digestOf(new Uint8Array(await (await response).arrayBuffer()))
}

/** The caches that are opened from now on. */
function opened(t: TestContext): SwarmCache[] {
  const caches: SwarmCache[] = []
  const { open } = SwarmCache
  t.mock.method(SwarmCache, 'open', async (options: Parameters<typeof open>[0]) => {
    const cache = await open(options)
    caches.push(cache)
    return cache
  })
  return caches
}

test('any number of readers at once costs each byte once', async (t) => {
  const bytes = madeUp(3 * MiB + 1)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 128 * KiB } } })
  const readers = Array.from({ length: 8 }, () => digest(site.respond('a.bin')))
  assert.deepEqual(new Set(await Promise.all(readers)), new Set([digestOf(bytes)]))
  assert.equal(site.origin.sentOf('a.bin'), bytes.length)
})

test('a chunk that is here before the second reader looks is not asked for again', async (t) => {
  const bytes = madeUp(32 * KiB + 1)
  for (let i = 0; i < 10; i++) {
    const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
    await site.cache('a.bin', [0])
    const readers = [1, 2, 3].map(() => digest(site.respond('a.bin')))
    assert.deepEqual(new Set(await Promise.all(readers)), new Set([digestOf(bytes)]))
    assert.equal(site.origin.requestsOf('a.bin').length, 1)
  }
})

test('a reader a little ahead of a transfer waits for it', async (t) => {
  const bytes = madeUp(900 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  const [whole, end] = await Promise.all([
    digest(site.respond('a.bin')),
    digest(site.respond('a.bin', { headers: { range: 'bytes=-1000' } })),
  ])
  assert.deepEqual([whole, end], [digestOf(bytes), digestOf(bytes.subarray(-1000))])
  assert.equal(site.origin.sentOf('a.bin'), bytes.length)
})

test('a reader that pauses pauses the origin', async (t) => {
  const bytes = madeUp(40 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 256 * KiB } } })
  const body = (await site.respond('a.bin')).body?.getReader()
  await body?.read()
  // Another reader's whole answer passes meanwhile, so the first had all the time it could use.
  site.origin.files.set('b', { bytes: madeUp(20 * MiB) })
  await (await fetch(`${site.origin.url}b`)).arrayBuffer()
  const pulled = site.accelerator.stats().bytes.origin
  assert.ok(pulled <= 14 * MiB, `${pulled} bytes for a reader that took one piece`)
  await body?.cancel()
})

test('what is stored before its reader has had it is not read back, and goes once the reader has passed', async (t) => {
  const bytes = madeUp(3 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 256 * KiB } } })
  const [caches, readBack] = [opened(t), t.mock.method(SwarmCache.prototype, 'readRuns')]
  const body = (await site.respond('a.bin')).body?.getReader()
  let got = (await body?.read())?.value?.length ?? 0
  const [cache] = caches
  assert.ok(cache)
  while (!cache.isStored(11 as ChunkIndex)) await new Promise((resolve) => setTimeout(resolve, 10))
  for (let next = await body?.read(); next?.value; next = await body?.read()) got += next.value.length
  assert.equal(got, bytes.length)
  assert.equal(readBack.mock.callCount(), 0)
  assert.deepEqual(cache.slots({ first: 0 as ChunkIndex, after: 12 as ChunkIndex }), [])
})

test('a reader that leaves ends its request, and nobody asks for it again', async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(8 * MiB) } } })
  site.origin.fault = ({ path }) => (path === 'a.bin' ? { stallAfter: 100 * KiB } : undefined)
  const body = (await site.respond('a.bin')).body?.getReader()
  await body?.read()
  await body?.cancel()
  const [first] = site.origin.requestsOf('a.bin')
  assert.equal((await first?.over)?.aborted, true)
  await site.accelerator.lifetime.idle()
  assert.equal(site.origin.requestsOf('a.bin').length, 1)
  assert.equal(site.streaming, 0)
})

test('a part far into a chunk that somebody else has paused is not held up', async (t) => {
  const bytes = madeUp(16 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 16 * MiB } } })
  site.origin.fault = ({ range }) => (range === 'bytes=0-16777215' ? { stallAfter: MiB } : undefined)
  const paused = (await site.respond('a.bin')).body?.getReader()
  await paused?.read()
  const range = `bytes=${15 * MiB}-${15 * MiB + 999}`
  const part = await digest(site.respond('a.bin', { headers: { range } }))
  assert.equal(part, digestOf(bytes.subarray(15 * MiB, 15 * MiB + 1000)))
  assert.equal(site.origin.requestsOf('a.bin').at(-1)?.range, range, 'and asks for nothing else')
  await paused?.cancel()
})

test('the rest of a large file from within a chunk comes in chunks, and is kept', async (t) => {
  const bytes = madeUp(40 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 4 * MiB } } })
  const rest = digest(site.respond('a.bin', { headers: { range: `bytes=${3 * MiB}-` } }))
  assert.equal(await rest, digestOf(bytes.subarray(3 * MiB)))
  await site.accelerator.lifetime.idle()
  site.origin.fault = () => ({ status: 500 })
  assert.equal(await digest(site.respond('a.bin')), digestOf(bytes))
})

test('a store that is full costs no memory: chunks that were read before they were verified go', async (t) => {
  const bytes = madeUp(6 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 256 * KiB } }, capacity: 0 })
  let goOn = () => {}
  const hold = new Promise<void>((resolve) => {
    goOn = resolve
  })
  // Nothing can be verified before the reader has passed.
  site.origin.fault = ({ path }) => (path.startsWith('chunks/') ? { hold } : undefined)
  const caches = opened(t)
  const body = (await site.respond('a.bin')).body?.getReader()
  let got = 0
  while (got < 5 * MiB) got += (await body?.read())?.value?.length ?? Number.NaN
  goOn()
  while (site.accelerator.stats().chunks[0]?.sources[0] !== 3) await new Promise(setImmediate)
  const [cache] = caches
  assert.ok(cache)
  const whole = () =>
    [...cache.slots({ first: 0 as ChunkIndex, after: 8 as ChunkIndex })].filter(([, slot]) => slot.state === 'whole')
  while (whole().length > 0) await new Promise(setImmediate)
  await body?.cancel()
})

test('a store that fails in the middle is passed by', async (t) => {
  const bytes = madeUp(2 * MiB)
  const chunks = openMemoryStore()
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, chunks, patience: { store: 100 } })
  for (const fail of [
    () => Promise.reject(new DOMException('closed', 'AbortError')),
    () => new Promise<never>(() => {}),
  ]) {
    await site.cache('a.bin', [0, 1, 2, 10, 11])
    const { readRuns } = chunks
    chunks.readRuns = fail
    assert.equal(await digest(site.respond('a.bin')), digestOf(bytes))
    chunks.readRuns = readRuns
    await site.accelerator.lifetime.idle()
    await site.accelerator.clear()
  }
})

test('a whole cached file whose store hangs comes from the origin', async (t) => {
  const bytes = madeUp(300 * KiB)
  const chunks = openMemoryStore()
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, chunks, patience: { store: 100 } })
  await site.cache('a.bin', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  chunks.readRuns = () => new Promise(() => {})
  assert.equal(await digest(site.respond('a.bin')), digestOf(bytes))
})

test('a store that never answers at all leaves plain HTTP', async (t) => {
  const bytes = madeUp(300 * KiB)
  const [chunks, values] = [openMemoryStore(), openMemoryValues()]
  const site = await WorkerSite.open(t, {
    files: { 'a.bin': { bytes } },
    chunks,
    values,
    patience: { store: 50, prepare: 50 },
  })
  chunks.runs = () => new Promise(() => {})
  values.get = () => new Promise(() => {})
  await site.reopen()
  assert.equal(await digest(site.respond('a.bin')), digestOf(bytes))
})

test('chunks that are given up to make room are fetched again by whoever reads them', async (t) => {
  const files = { 'a.bin': { bytes: madeUp(2 * MiB) }, 'b.bin': { bytes: madeUp(2 * MiB, 2) } }
  const site = await WorkerSite.open(t, { files, capacity: 3 * MiB })
  for (const path of ['a.bin', 'b.bin', 'a.bin'] as const) {
    assert.equal(await digest(site.respond(path)), digestOf(files[path].bytes))
    await site.accelerator.lifetime.idle()
  }
  assert.equal(site.origin.sentOf('a.bin'), 2 * files['a.bin'].bytes.length)
})

test('broken transfers are kept up to a bound', async (t) => {
  const bytes = madeUp(64 * MiB)
  const caches = opened(t)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 4 * MiB } } })
  site.origin.fault = ({ path }) => (path === 'a.bin' ? { stallAfter: MiB } : undefined)
  for (let chunk = 0; chunk < 16; chunk++) {
    const range = `bytes=${chunk * 4 * MiB}-`
    const body = (await site.respond('a.bin', { headers: { range } })).body?.getReader()
    await body?.read()
    await body?.cancel()
    await site.accelerator.lifetime.idle()
  }
  const all = { first: 0 as ChunkIndex, after: 16 as ChunkIndex }
  const lost = [...(caches[0]?.slots(all) ?? [])].filter(([, { state }]) => state === 'lost')
  assert.ok(lost.length > 0 && lost.length <= 9, `${lost.length} chunks of 4 MiB`)
  assert.equal(site.streaming, 0)
})

test('off and shadow leave requests alone, shadow counts them', async (t) => {
  const bytes = madeUp(300 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  for (const [mode, counted] of [
    ['off', 0],
    ['shadow', bytes.length],
  ] as const) {
    await site.accelerator.setMode(mode)
    assert.equal(await digest(site.respond('a.bin')), digestOf(bytes))
    assert.equal(site.accelerator.stats().bytes.origin, counted)
    assert.equal(site.origin.requestsOf('a.bin').at(-1)?.range, undefined)
  }
})
