import assert from 'node:assert/strict'
import { test as run, type TestContext } from 'node:test'
import type { Fault, SeenRequest } from '../test/harness/worker/steered-origin.ts'
import { digestOf, madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// An origin that misbehaves: the body is right to the last byte, or ends with an error.

const KiB = 1024
const MiB = 1024 * KiB

/** What waits for ever fails within seconds. */
const test = (name: string, work: (t: TestContext) => Promise<void>) => run(name, { timeout: 15_000 }, work)
const NONE = { headers: {} }

/** The fault of each request for a path in turn; none after the last. */
function inTurn(path: string, ...faults: (Fault | undefined)[]): (request: SeenRequest) => Fault | undefined {
  return (request) => (request.path === path ? faults.shift() : undefined)
}

async function bytesOf(response: Promise<Response>): Promise<Uint8Array> {
  return new Uint8Array(await (await response).arrayBuffer())
}

/** Replaces the content at the origin by another of the same length. */
function change(site: WorkerSite, path: string, headers: Record<string, string>): Uint8Array<ArrayBuffer> {
  const before = site.origin.files.get(path)
  const bytes = madeUp(before?.bytes.length ?? 0, 99)
  site.origin.files.set(path, { bytes, headers })
  return bytes
}

test('a cut connection goes on where it broke', async (t) => {
  const bytes = madeUp(700 * KiB + 3)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 256 * KiB } } })
  site.origin.fault = inTurn('a.bin', { cutAfter: 300 * KiB + 1 }, { cutAfter: 100 * KiB })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
  const [first, second] = site.origin.requestsOf('a.bin')
  assert.ok(first && second)
  assert.equal(site.origin.sentOf('a.bin'), bytes.length, 'no byte came twice')
})

test('a connection that is cut after cached bytes goes on where it broke', async (t) => {
  const bytes = madeUp(700 * KiB + 3)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  await site.cache('a.bin', [0, 1])
  site.origin.fault = inTurn('a.bin', { cutAfter: 50 * KiB })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
  assert.equal(site.origin.sentOf('a.bin'), bytes.length - 64 * KiB, 'no byte came twice')
})

test('a body that ends early without a sign is not the end', async (t) => {
  const bytes = madeUp(200 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  site.origin.fault = inTurn('a.bin', { shortAfter: 50 * KiB }, { shortAfter: 40 * KiB })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
})

test('an origin that fails in the middle ends the body with an error', async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(200 * KiB) } } })
  site.origin.fault = inTurn('a.bin', { cutAfter: 50 * KiB }, { status: 500 }, { status: 500 }, { status: 500 })
  await assert.rejects(bytesOf(site.respond('a.bin')))
})

test('an error status is handed on', async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(200 * KiB) } } })
  for (const status of [404, 500, 503]) {
    site.origin.fault = inTurn('a.bin', { status })
    assert.equal((await site.respond('a.bin')).status, status)
  }
})

test('a silent origin is asked anew, from the bytes already held', async (t) => {
  const bytes = madeUp(200 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, patience: { origin: 200 } })
  site.origin.fault = inTurn('a.bin', { stallAfter: 100 * KiB })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
  assert.equal(site.origin.sentOf('a.bin'), bytes.length, 'no byte came twice')
  const [first] = site.origin.requestsOf('a.bin')
  assert.equal((await first?.over)?.aborted, true, 'the silent connection is closed')
})

test('an origin that takes the next request and says nothing is asked anew', async (t) => {
  const bytes = madeUp(200 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, patience: { origin: 200 } })
  site.origin.fault = inTurn('a.bin', { cutAfter: 100 * KiB }, { hold: new Promise(() => {}) })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
})

test('an origin that does not answer the first request holds up nobody for ever', async (t) => {
  const bytes = madeUp(200 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, patience: { origin: 200 } })
  site.origin.fault = inTurn('a.bin', { hold: new Promise(() => {}) })
  const [first, second] = await Promise.allSettled([bytesOf(site.respond('a.bin')), bytesOf(site.respond('a.bin'))])
  assert.equal(first.status, 'rejected', 'before the first byte: the request goes to the origin as it is')
  assert.ok(second.status === 'fulfilled' && digestOf(second.value) === digestOf(bytes))
})

test('an origin without ranges sends the whole file once', async (t) => {
  const bytes = madeUp(18 * MiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: MiB } } })
  site.origin.fault = () => ({ noRanges: true })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
  assert.equal(site.origin.sentOf('a.bin'), bytes.length)
})

test('a media element gets from an origin without ranges what it would have got', async (t) => {
  const bytes = madeUp(3 * MiB)
  const site = await WorkerSite.open(t, { files: { 'v.mp4': { bytes, type: 'video/mp4' } } })
  site.origin.fault = () => ({ noRanges: true })
  const response = await site.respond('v.mp4', { destination: 'video', headers: { range: 'bytes=0-' } })
  assert.equal(response.status, 200)
  assert.equal((await response.arrayBuffer()).byteLength, bytes.length)
})

test('Content-Encoding: the file passes by from then on', async (t) => {
  const bytes = madeUp(100 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  site.origin.fault = () => ({ headers: { 'content-encoding': 'x-none' } })
  await (await site.respond('a.bin')).arrayBuffer()
  assert.deepEqual(
    site.fallbacks.map(({ reason }) => reason),
    ['encoded'],
  )
  assert.equal(site.accelerator.serves(`${site.origin.url}a.bin`), false)
})

test("a file of another length is the origin's own, and stays so after the worker was killed", async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(100 * KiB) } } })
  const longer = madeUp(120 * KiB, 7)
  site.origin.files.set('a.bin', { bytes: longer, ...NONE })
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(longer))
  await site.accelerator.lifetime.idle()
  await site.reopen()
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(longer))
  assert.equal(site.origin.requestsOf('a.bin').at(-1)?.range, undefined)
  assert.equal(site.fallbacks[0]?.reason, 'wrong-length')
})

for (const chunkSize of [32 * KiB, 256 * KiB])
  test(`a changed file that was never cached is the origin's own (chunks of ${chunkSize / KiB} KiB)`, async (t) => {
    const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(900 * KiB), chunkSize } } })
    const changed = change(site, 'a.bin', { etag: '"v2"' })
    assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(changed))
    await site.accelerator.lifetime.idle()
    assert.equal(site.fallbacks[0]?.reason, 'file-changed')
  })

test('a changed file never follows cached bytes', async (t) => {
  const files = { 'a.bin': { bytes: madeUp(900 * KiB) } }
  for (const headers of [{ etag: '"v2"' }, {}]) {
    const site = await WorkerSite.open(t, { files })
    await site.cache('a.bin', [0, 1, 2])
    change(site, 'a.bin', headers)
    await assert.rejects(bytesOf(site.respond('a.bin')))
    assert.equal(site.fallbacks[0]?.reason, 'file-changed')
  }
})

test('cached bytes never follow a changed file', async (t) => {
  const files = { 'a.bin': { bytes: madeUp(900 * KiB) } }
  for (const headers of [{ etag: '"v2"' }, {}] as Record<string, string>[]) {
    const site = await WorkerSite.open(t, { files })
    await site.cache('a.bin', [3, 4, 5])
    const changed = change(site, 'a.bin', headers)
    const got = await bytesOf(site.respond('a.bin')).catch(() => undefined)
    // With an entity tag the origin alone can go on; without one nobody could tell.
    if (headers.etag) assert.equal(digestOf(got ?? madeUp(0)), digestOf(changed))
    else assert.equal(got, undefined)
  }
})

for (const headers of [{ etag: '"v2"' }, {}] as Record<string, string>[])
  for (const from of ['old', 'new'] as const)
    test(`a file that changes between two requests, ${from} first, ${headers.etag ? 'with' : 'without'} entity tags`, async (t) => {
      const bytes = madeUp(900 * KiB)
      const old = { bytes, headers: headers.etag ? { etag: '"v1"' } : {} }
      const site = await WorkerSite.open(t, { files: { 'a.bin': { ...old, chunkSize: 256 * KiB } } })
      const changed = { bytes: madeUp(bytes.length, 99), headers }
      const [first, second] = from === 'old' ? [old, changed] : [changed, old]
      site.origin.files.set('a.bin', first)
      site.origin.fault = (request) => {
        if (request.path !== 'a.bin') return undefined
        const isFirst = site.origin.requestsOf('a.bin').length === 1
        if (!isFirst) site.origin.files.set('a.bin', second)
        return isFirst ? { cutAfter: 600 * KiB } : undefined
      }
      const got = await bytesOf(site.respond('a.bin')).catch(() => undefined)
      const whole = [digestOf(first.bytes), digestOf(second.bytes)]
      assert.ok(got === undefined || whole.includes(digestOf(got)), 'two versions were mixed')
    })

test('the rest of a changed file is not short when the origin ends it early', async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(900 * KiB), chunkSize: 256 * KiB } } })
  change(site, 'a.bin', { etag: '"v2"' })
  site.origin.fault = inTurn('a.bin', { cutAfter: 600 * KiB }, { hold: site.fellBack }, { shortAfter: 10 * KiB })
  await assert.rejects(bytesOf(site.respond('a.bin')))
  assert.equal(site.origin.requestsOf('a.bin').at(-1)?.headers['if-range'], '"v2"')
})

test("without the hash list a file is the origin's own, and each byte comes once", async (t) => {
  const bytes = madeUp(900 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  site.origin.fault = ({ path }) => (path.startsWith('chunks/') ? { status: 404 } : undefined)
  assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
  assert.equal(site.origin.sentOf('a.bin'), bytes.length)
})

test('without the hash list the origin is not asked for ever, whatever is cached', async (t) => {
  const bytes = madeUp(900 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } } })
  await site.cache('a.bin', [0, 1, 2])
  site.origin.fault = ({ path }) => (path.startsWith('chunks/') ? { status: 404 } : undefined)
  const got = await bytesOf(site.respond('a.bin')).catch(() => undefined)
  assert.ok(got === undefined || digestOf(got) === digestOf(bytes))
  assert.ok(site.origin.sentOf('a.bin') <= 2 * bytes.length)
})

for (const status of [429, 503])
  test(`a ${status} in the middle is waited out: alone, the origin would have been asked once`, async (t) => {
    const bytes = madeUp(700 * KiB + 3)
    const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes } }, patience: { retry: 20 } })
    site.origin.fault = inTurn('a.bin', { cutAfter: 50 * KiB }, { status }, { status })
    assert.equal(digestOf(await bytesOf(site.respond('a.bin'))), digestOf(bytes))
    assert.equal(site.fallbacks.length, 0)
  })

test('who has left is not asked for again', async (t) => {
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes: madeUp(700 * KiB) } }, patience: { retry: 50 } })
  site.origin.fault = ({ path }) => {
    if (path !== 'a.bin') return undefined
    return site.origin.requestsOf('a.bin').length === 1 ? { cutAfter: 50 * KiB } : { status: 503 }
  }
  const body = (await site.respond('a.bin')).body?.getReader()
  await body?.read()
  const reading = body?.read()
  while (site.origin.requestsOf('a.bin').length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await body?.cancel()
  await reading?.catch(() => undefined)
  await site.accelerator.lifetime.idle()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(site.origin.requestsOf('a.bin').length, 2)
})

test('a window in the middle of a film that is refused for a moment comes all the same', async (t) => {
  const bytes = madeUp(3 * MiB)
  const site = await WorkerSite.open(t, {
    files: { 'v.mp4': { bytes, type: 'video/mp4', chunkSize: 256 * KiB } },
    patience: { retry: 20 },
  })
  const ask = (start: number) => site.respond('v.mp4', { destination: 'video', headers: { range: `bytes=${start}-` } })
  const first = await bytesOf(ask(0))
  await site.accelerator.lifetime.idle()
  site.origin.fault = inTurn('v.mp4', { status: 503 })
  const second = await ask(first.length)
  assert.equal(second.status, 206)
  const got = await bytesOf(Promise.resolve(second))
  assert.equal(digestOf(got), digestOf(bytes.subarray(first.length, first.length + got.length)))
})
