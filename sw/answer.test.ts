import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// Whatever is held already, an answer looks and reads like the origin's own.

const KiB = 1024
const SIZE = 300 * KiB + 17
const FILES = { 'a.bin': { bytes: madeUp(SIZE) } }
const LAST = Math.ceil(SIZE / (32 * KiB)) - 1
/** Of one message or one hop, or the test server's own. */
const OWN_HEADERS = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])

const states = {
  cold: [],
  'half cached': [0, 1, 4, 5, 8, LAST],
  cached: Array.from({ length: LAST + 1 }, (_, i) => i),
}
const ranges: Record<string, Record<string, string>> = {
  'the whole file': {},
  'the first byte': { range: 'bytes=0-0' },
  'a middle part': { range: `bytes=${70 * KiB}-${140 * KiB}` },
  'a suffix': { range: 'bytes=-1000' },
  'an open end': { range: `bytes=${200 * KiB + 3}-` },
  'more than there is': { range: `bytes=100-${10 * SIZE}` },
  'past the end': { range: `bytes=${SIZE}-` },
  'several ranges': { range: 'bytes=0-1,5-9' },
  nonsense: { range: 'bytes=9-5' },
  'another unit': { range: 'items=0-5' },
  'If-Range of this version': { range: 'bytes=5-70000', 'if-range': '"v1"' },
  'If-Range by date': { range: 'bytes=5-70000', 'if-range': 'Tue, 01 Oct 2024 10:00:00 GMT' },
  'If-Range of another version': { range: 'bytes=5-70000', 'if-range': '"v0"' },
}

interface Seen {
  readonly status: number
  readonly headers: Record<string, string>
  readonly length: number
  readonly sha256: string
}

async function seen(response: Response): Promise<Seen> {
  const body = new Uint8Array(await response.arrayBuffer())
  const headers = [...response.headers].filter(([name]) => !OWN_HEADERS.has(name))
  return {
    status: response.status,
    headers: Object.fromEntries(headers),
    length: body.length,
    sha256: digestOf(body),
  }
}

for (const [state, chunks] of Object.entries(states)) {
  for (const [name, headers] of Object.entries(ranges)) {
    test(`${state}: ${name}`, async (t) => {
      const site = await WorkerSite.open(t, { files: FILES })
      // Wherever something is cached, an earlier answer has told the head.
      if (chunks.length > 0) await (await site.respond('a.bin', { headers: { range: 'bytes=0-0' } })).arrayBuffer()
      await site.accelerator.lifetime.idle()
      await site.cache('a.bin', chunks)
      const own = await seen(await fetch(new URL('a.bin', site.origin.url), { headers }))
      assert.deepEqual(await seen(await site.respond('a.bin', { headers })), own)
    })
  }
}

test('a media element gets windows, and all of them make the file', async (t) => {
  const bytes = madeUp(6 * 1024 * KiB + 5)
  const site = await WorkerSite.open(t, { files: { 'v.mp4': { bytes, type: 'video/mp4' } } })
  for (const state of ['cold', 'cached']) {
    let at = 0
    const parts: Uint8Array[] = []
    while (at < bytes.length) {
      const response = await site.respond('v.mp4', { destination: 'video', headers: { range: `bytes=${at}-` } })
      const body = new Uint8Array(await response.arrayBuffer())
      assert.equal(response.status, 206)
      assert.equal(response.headers.get('content-range'), `bytes ${at}-${at + body.length - 1}/${bytes.length}`)
      assert.equal(response.headers.get('content-length'), String(body.length))
      parts.push(body)
      at += body.length
    }
    assert.ok(parts.length > 1)
    assert.equal(digestOf(Buffer.concat(parts)), digestOf(bytes), state)
    assert.equal(site.origin.sentOf('v.mp4'), bytes.length, `${state}: each byte came once`)
    await site.accelerator.lifetime.idle()
  }
})

test('a script reads what is long and cached at its own pace, and sees all that the origin said of caching', async (t) => {
  const long = { bytes: madeUp(9 * 1024 * KiB), chunkSize: 1024 * KiB, type: 'video/mp4' }
  const site = await WorkerSite.open(t, { files: { 'a.mp4': long, 'b.mp4': long } })
  site.origin.files.set('b.mp4', { ...long, headers: { etag: '"v1"', 'cache-control': 'max-age=60' } })
  const cacheControl = async (path: string, init: Parameters<typeof site.respond>[1] = {}) => {
    const response = await site.respond(path, init)
    await response.arrayBuffer()
    await site.accelerator.lifetime.idle()
    return response.headers.get('cache-control')
  }
  assert.deepEqual([await cacheControl('a.mp4'), await cacheControl('b.mp4')], [null, 'max-age=60'], 'comes in')
  assert.equal(await cacheControl('a.mp4'), 'no-store')
  assert.equal(await cacheControl('b.mp4'), 'max-age=60, no-store')
  assert.equal(await cacheControl('b.mp4', { headers: { range: 'bytes=5-' } }), 'max-age=60, no-store')
  assert.equal(await cacheControl('b.mp4', { headers: { range: 'bytes=0-999999' } }), 'max-age=60', 'short')
  assert.equal(await cacheControl('b.mp4', { destination: 'document' }), 'max-age=60', 'a download')
  assert.equal(await cacheControl('b.mp4', { destination: 'video', headers: { range: 'bytes=0-' } }), 'max-age=60')
})

test('so does it what comes in and is too long for the cache of a browser', async (t) => {
  const longest = { bytes: new Uint8Array(64 * 1024 * KiB + 1), chunkSize: 4096 * KiB }
  const site = await WorkerSite.open(t, { files: { 'a.bin': longest } })
  const cacheControl = async (init: Parameters<typeof site.respond>[1]) => {
    const response = await site.respond('a.bin', init)
    await response.body?.cancel()
    return response.headers.get('cache-control')
  }
  assert.equal(await cacheControl({}), 'no-store')
  assert.equal(await cacheControl({ headers: { range: 'bytes=1-' } }), null, 'shorter')
  assert.equal(await cacheControl({ destination: 'document' }), null, 'a download')
})

test('a download gets its name by RFC 8187, and our parameter stays here', async (t) => {
  const site = await WorkerSite.open(t, { files: FILES })
  const response = await site.respond(`a.bin?tributary-download=${encodeURIComponent('Flüsse "1".bin')}`)
  assert.equal(
    response.headers.get('content-disposition'),
    `attachment; filename="Fl_sse _1_.bin"; filename*=UTF-8''Fl%C3%BCsse%20%221%22.bin`,
  )
  assert.equal(digestOf(new Uint8Array(await response.arrayBuffer())), digestOf(FILES['a.bin'].bytes))
})

test('a link cannot name what is not listed', async (t) => {
  const site = await WorkerSite.open(t, { files: FILES })
  site.origin.files.set('page', { bytes: madeUp(10) })
  const response = await site.respond('page?q=1&tributary-download=setup.exe')
  assert.doesNotMatch(response.headers.get('content-disposition') ?? '', /setup/)
  assert.equal((await response.arrayBuffer()).byteLength, 10)
})

test("a name that is not UTF-8 in the URL of a download is the origin's business", async (t) => {
  const site = await WorkerSite.open(t, { files: FILES })
  assert.equal((await site.respond('%ff?tributary-download=')).status, 404)
})

test('an origin that redirects answers a navigation with a response that is not redirected', async (t) => {
  const bytes = madeUp(3 * 1024 * KiB)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: 1024 * KiB } } })
  site.origin.files.set('moved', { bytes, headers: { etag: '"v1"' } })
  site.origin.fault = ({ path }) => (path === 'a.bin' ? { redirect: '/moved' } : undefined)
  const navigation = { headers: { range: 'bytes=700000-' }, redirect: 'manual' } as const
  const response = await site.respond('a.bin', navigation)
  assert.equal(response.redirected, false)
  await response.body?.cancel()
})
