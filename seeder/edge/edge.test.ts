import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { KiB, MiB } from '../../protocol/units.ts'
import { openEdge } from '../../test/harness/edge.ts'
import { eventually } from '../../test/harness/poll.ts'
import { madeUp, openSite } from '../../test/harness/site.ts'
import { SeederError } from '../errors.ts'

const FILM = 'media/film one.bin'
const SIZE = 5 * MiB + 12_345
const film = Buffer.from(madeUp(FILM, SIZE))

const openFilmSite = (t: TestContext) => openSite(t, { files: { [FILM]: film, 'song.bin': 2 * MiB } })

test('the first request comes from the origin, the second from the store', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { edge, bytes, get } = await openEdge(t, site.url)
  assert.ok((await bytes(FILM)).equals(film))
  assert.equal(site.bytesOf(FILM), SIZE)
  await eventually(
    async () => (await edge.stats()).store.pending,
    (pending) => pending === 0,
  )
  const response = await get(FILM)
  assert.equal(response.headers.get('cache-status'), 'tributary; hit')
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(film))
  assert.equal(site.bytesOf(FILM), SIZE)
  const { swarms, http } = await edge.stats()
  assert.deepEqual(
    swarms.map(({ bytes }) => bytes),
    [{ origin: SIZE, peers: 0, cache: SIZE }],
  )
  assert.equal(http.bytes, 2 * SIZE)
})

test('many readers at once cost the origin one file', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  site.setEgress(20 * MiB)
  const { bytes } = await openEdge(t, site.url)
  const answers = await Promise.all(Array.from({ length: 8 }, () => bytes(FILM)))
  for (const answer of answers) assert.ok(answer.equals(film))
  assert.equal(site.bytesOf(FILM), SIZE)
})

test('ranges and conditions are answered by the book', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { url, get } = await openEdge(t, site.url)
  const part = await get(FILM, { range: 'bytes=1000000-1999999' })
  const etag = part.headers.get('etag') ?? ''
  assert.deepEqual(
    [part.status, part.headers.get('content-range'), part.headers.get('content-length')],
    [206, `bytes 1000000-1999999/${SIZE}`, '1000000'],
  )
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(film.subarray(1_000_000, 2_000_000)))
  assert.match(etag, /^"[0-9a-f]{40}-0"$/)

  const status = async (headers: Record<string, string>, method = 'GET') => {
    const response = await fetch(new URL(FILM, url), { headers, method })
    await response.arrayBuffer()
    return response.status
  }
  assert.equal(await status({ range: 'bytes=-100' }), 206)
  assert.equal(await status({ range: `bytes=${SIZE}-` }), 416)
  assert.equal(await status({ range: 'bytes=0-1,5-6' }), 200)
  assert.equal(await status({ range: 'lines=0-1' }), 200)
  assert.equal(await status({ range: 'bytes=0-9', 'if-range': etag }), 206)
  assert.equal(await status({ range: 'bytes=0-9', 'if-range': `W/${etag}` }), 200)
  assert.equal(await status({ range: 'bytes=0-9', 'if-range': new Date().toUTCString() }), 200)
  assert.equal(await status({ 'if-none-match': `"x", W/${etag}` }), 304)
  assert.equal(await status({ 'if-none-match': '"x"' }), 200)
  assert.equal(await status({ 'if-match': '"x"' }), 412)
  assert.equal(await status({ 'if-match': etag, range: 'bytes=0-9' }), 206)
  assert.equal(await status({}, 'POST'), 405)
  assert.equal(await status({}, 'OPTIONS'), 204)

  const head = await fetch(new URL(FILM, url), { method: 'HEAD', headers: { range: 'bytes=0-9' } })
  assert.deepEqual(
    ['content-length', 'content-type', 'accept-ranges', 'etag'].map((name) => head.headers.get(name)),
    [String(SIZE), 'application/octet-stream', 'bytes', etag],
  )
  assert.equal(head.status, 200)
})

test('only what the manifest names is there, the manifest and its hashes among it', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { url, get, bytes } = await openEdge(t, site.url)
  for (const path of ['index.html', 'media/', 'nothing.bin', 'song.bin?v=2', '%zz'])
    assert.equal((await get(path)).status, 404, path)
  const own = await (await get(MANIFEST_NAME)).json()
  assert.deepEqual(own, await (await fetch(site.at(MANIFEST_NAME))).json())
  const { hashes, torrent } = own.swarms[0]
  for (const path of [hashes, torrent]) {
    const theirs = await (await fetch(site.at(path))).arrayBuffer()
    assert.ok((await bytes(path)).equals(Buffer.from(theirs)), path)
  }
  // So an edge can stand behind another one.
  const next = await openEdge(t, url)
  assert.ok((await next.bytes(FILM)).equals(film))
})

test('what is stored outlives the process, and the origin', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const first = await openEdge(t, site.url)
  await first.bytes(FILM, { range: 'bytes=0-2999999' })
  await first.edge.close(1_000)
  await site.stop()
  const { bytes, get, logged } = await openEdge(t, site.url, { folder: first.folder })
  assert.ok((await bytes(FILM, { range: 'bytes=100-2900000' })).equals(film.subarray(100, 2_900_001)))
  assert.equal((await get('song.bin')).status, 502)
  assert.match(logged[0]?.message ?? '', /cannot be reached \(ECONNREFUSED\): serving by the one that was last seen$/)
})

test('a file that is not as in the manifest is passed on as the origin has it', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { bytes, get, logged } = await openEdge(t, site.url)
  const etag = (await get(FILM, { range: 'bytes=0-0' })).headers.get('etag') ?? ''
  const other = Buffer.from(madeUp('another version', SIZE))
  site.setFault(MANIFEST_NAME, { kind: 'status', status: 503 })
  await writeFile(join(site.dir, FILM), other)
  // Chunks of the old version are stored, so a whole answer may fail at the seam, but never mixes the two.
  for (let i = 0; i < 3; i++) {
    const answer = await bytes(FILM).catch(() => undefined)
    assert.ok(answer === undefined || answer.equals(other), 'neither the one nor the other version')
  }
  assert.ok((await bytes(FILM)).equals(other))
  const resumed = await get(FILM, { range: 'bytes=1000-', 'if-range': etag })
  assert.equal(resumed.status, 200)
  assert.ok(Buffer.from(await resumed.arrayBuffer()).equals(other))
  assert.equal(logged.filter(({ message }) => message.includes('is not as in the manifest')).length, 1)
})

test('a file that lies elsewhere comes from there, and nothing else does', { timeout: 30_000 }, async (t) => {
  const [site, elsewhere] = [await openFilmSite(t), await openFilmSite(t)]
  const { bytes } = await openEdge(t, site.url)
  site.setFault(FILM, { kind: 'redirect', to: elsewhere.at(FILM) })
  assert.ok((await bytes(FILM)).equals(film))
  assert.equal(elsewhere.bytesOf(FILM), SIZE)

  const { url } = await openEdge(t, site.url)
  elsewhere.setFault(FILM, { kind: 'body', type: 'text/plain', body: 'what only the edge can reach' })
  const answer = await fetch(new URL(FILM, url), { redirect: 'manual' })
  assert.equal(answer.status, 302)
  assert.equal(answer.headers.get('location'), elsewhere.at(FILM))
})

test('an origin that breaks off or refuses leaves nothing that looks whole', { timeout: 60_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { get, bytes } = await openEdge(t, site.url)
  site.setFault(FILM, { kind: 'status', status: 403 })
  assert.equal((await get(FILM)).status, 403)
  site.setFault(FILM, { kind: 'cut', afterBytes: 700 * KiB })
  // Each request goes on where the last one broke off.
  assert.ok((await bytes(FILM)).equals(film))
})

test('without hashes files are passed on unstored, and with them they are kept', { timeout: 60_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { hashes } = (await site.manifest()).swarms[0] ?? assert.fail()
  site.setFault(hashes, { kind: 'status', status: 503 })
  const { edge, bytes, get } = await openEdge(t, site.url)
  const response = await get(FILM)
  assert.equal(response.headers.get('cache-status'), 'tributary; fwd=bypass')
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(film))
  assert.equal((await edge.stats()).store.used, 0)
  site.setFault(hashes, undefined)
  await eventually(
    async () => {
      assert.ok((await bytes(FILM)).equals(film))
      return (await edge.stats()).store.used
    },
    (used) => used >= SIZE,
    20_000,
  )
})

test('a manifest that breaks or disappears changes nothing but the log', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { edge, bytes, logged } = await openEdge(t, site.url)
  const warnings = () => logged.filter(({ level }) => level === 'warn').map(({ message }) => message)
  site.setFault(MANIFEST_NAME, { kind: 'status', status: 404 })
  await edge.reload()
  await edge.reload()
  site.setFault(MANIFEST_NAME, { kind: 'body', type: 'application/json', body: '{"version": 1, "swa' })
  await edge.reload()
  site.setFault(MANIFEST_NAME, { kind: 'body', type: 'application/json', body: '{"version": 7}' })
  await edge.reload()
  assert.ok((await bytes(FILM)).equals(film))
  assert.deepEqual(
    warnings().map((message) => /(answers 404|is not JSON|version: must be 1, is 7): the last/.exec(message)?.[1]),
    ['answers 404', 'is not JSON', 'version: must be 1, is 7'],
  )
  site.setFault(MANIFEST_NAME, undefined)
  await edge.reload()
  assert.ok(logged.some(({ message }) => message === 'the manifest is there again'))
})

test('a new manifest is followed, the kill switch too', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { edge, bytes, get } = await openEdge(t, site.url)
  await bytes(FILM)
  const news = Buffer.from(madeUp('news', 2 * MiB))
  await writeFile(join(site.dir, 'news.bin'), news)
  await writeFile(join(site.dir, FILM), news)
  await fetch(site.at(MANIFEST_NAME)) // the server makes it anew when it is asked
  await eventually(
    async () => {
      await edge.reload()
      return (await get('news.bin')).status
    },
    (status) => status === 200,
  )
  assert.ok((await bytes('news.bin')).equals(news))
  assert.ok((await bytes(FILM)).equals(news))
  const manifest = await (await fetch(site.at(MANIFEST_NAME))).json()
  const body = JSON.stringify({ ...manifest, disabled: true })
  site.setFault(MANIFEST_NAME, { kind: 'body', type: 'application/json', body })
  await edge.reload()
  const answer = await get('news.bin')
  assert.equal(answer.headers.get('cache-status'), 'tributary; fwd=bypass')
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(news))
})

test('what an edge cannot begin with is told with what to do', { timeout: 30_000 }, async (t) => {
  const site = await openFilmSite(t)
  const { edge, folder, url } = await openEdge(t, site.url)
  const refusal = async (where: string, options: Parameters<typeof openEdge>[2] = {}) => {
    const error = await openEdge(t, where, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof SeederError, String(error))
    return `${error.message} - ${error.mend}`
  }
  assert.match(await refusal(site.url, { folder }), /store is used by another process - stop that one, or /)
  const http = { host: '127.0.0.1', port: edge.httpPort ?? 0, maxConnections: 1 }
  assert.match(await refusal(site.url, { http }), /^127\.0\.0\.1:\d+ is in use - choose another port with --http-port/)
  assert.match(await refusal(`${url}nothing/`), /nothing\/chunk-manifest\.json answers 404 - check the address/)
  await site.stop()
  assert.match(await refusal(site.url), /cannot be reached \(ECONNREFUSED\) - check the address and the network/)
  const file = join(site.dir, 'song.bin')
  assert.match(await refusal(site.url, { folder: file }), /song\.bin is not a folder - name a folder with --store/)
  assert.match(await refusal(site.url, { folder: site.dir }), /holds other things - name an empty folder/)
})
