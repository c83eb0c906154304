import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { parseManifest } from '../../protocol/manifest.ts'
import { makeFolder } from '../../test/harness/cli.ts'
import { madeUp } from '../../test/harness/site.ts'
import { Failure } from '../failure.ts'
import { type RunningServer, type ServeOptions, startServer } from './start-server.ts'

const MiB = 2 ** 20
const video = madeUp('video', 2 * MiB + 17)

async function serve(t: TestContext, options: Partial<ServeOptions> & { dir: string }): Promise<RunningServer> {
  const server = await startServer(options)
  t.after(() => server.close())
  return server
}

async function makeSite(t: TestContext): Promise<string> {
  return makeFolder(t, {
    'index.html': '<!doctype html><html><head><title>T</title></head><body></body></html>',
    'videos/a.mp4': video,
    'ä b/x#1%?.bin': 'odd name',
    'docs/index.html': '<p>fragment</p>',
    '.env': 'SECRET',
    '.git/config': 'SECRET',
    '.well-known/security.txt': 'Contact: x',
    'empty.bin': '',
  })
}

/** A request as it is written: `fetch` would tidy up the path. */
async function ask(
  server: RunningServer,
  path: string,
  init: { method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  const request = httpRequest({ port: server.port, host: '127.0.0.1', path, agent: false, ...init })
  request.end()
  const [response]: IncomingMessage[] = await once(request, 'response')
  assert.ok(response)
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }
}

test('ranges by RFC 9110', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  const size = video.length
  for (const [range, status, contentRange, body] of [
    [undefined, 200, undefined, video],
    ['bytes=0-', 206, `bytes 0-${size - 1}/${size}`, video],
    ['bytes=5-9', 206, `bytes 5-9/${size}`, video.subarray(5, 10)],
    ['bytes=-3', 206, `bytes ${size - 3}-${size - 1}/${size}`, video.subarray(-3)],
    [`bytes=-${size * 2}`, 206, `bytes 0-${size - 1}/${size}`, video],
    [`bytes=10-${size * 2}`, 206, `bytes 10-${size - 1}/${size}`, video.subarray(10)],
    [`bytes=${size}-`, 416, `bytes */${size}`, undefined],
    ['bytes=-0', 416, `bytes */${size}`, undefined],
    ['bytes=9-5', 200, undefined, video],
    ['items=0-5', 200, undefined, video],
    ['bytes=0-1,5-6', 200, undefined, video],
  ] as const) {
    const answer = await ask(server, '/videos/a.mp4', range === undefined ? {} : { headers: { Range: range } })
    assert.equal(answer.status, status, range)
    assert.equal(answer.headers['content-range'], contentRange, range)
    assert.equal(answer.headers['access-control-allow-origin'], '*')
    if (!body) continue
    assert.equal(answer.headers['content-length'], String(body.length), range)
    assert.equal(answer.headers['content-type'], 'video/mp4')
    assert.equal(answer.headers['accept-ranges'], 'bytes')
    assert.ok(answer.body.equals(body), range)
  }
})

test('If-Range takes a strong tag or the exact date, nothing weaker', async (t) => {
  const dir = await makeSite(t)
  await utimes(join(dir, 'videos/a.mp4'), 1_700_000_000, 1_700_000_000)
  const server = await serve(t, { dir })
  const { etag = '', 'last-modified': date = '' } = (await ask(server, '/videos/a.mp4', { method: 'HEAD' })).headers
  assert.match(etag, /^"[^"]+"$/)
  const statusFor = async (condition: string) =>
    (await ask(server, '/videos/a.mp4', { headers: { Range: 'bytes=0-4', 'If-Range': condition } })).status
  assert.equal(await statusFor(etag), 206)
  assert.equal(await statusFor(date), 206)
  assert.equal(await statusFor(`W/${etag}`), 200)
  assert.equal(await statusFor('"other"'), 200)
  assert.equal(await statusFor(`"other", ${etag}`), 200)
  assert.equal(await statusFor(new Date(Date.parse(date) + 1000).toUTCString()), 200)
})

test('conditions, HEAD and what is not allowed', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  const head = await ask(server, '/videos/a.mp4', { method: 'HEAD', headers: { Range: 'bytes=0-4' } })
  assert.equal(head.status, 200)
  assert.equal(head.headers['content-length'], String(video.length))
  assert.equal(head.body.length, 0)
  const { etag = '' } = head.headers
  const status = async (headers: Record<string, string>) => (await ask(server, '/videos/a.mp4', { headers })).status
  assert.equal(await status({ 'If-None-Match': etag }), 304)
  assert.equal(await status({ 'If-None-Match': `"x", W/${etag}` }), 304)
  assert.equal(await status({ 'If-None-Match': '"x"' }), 200)
  assert.equal(await status({ 'If-Match': '"x"' }), 412)
  const post = await ask(server, '/videos/a.mp4', { method: 'POST' })
  assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD, OPTIONS'])
  const preflight = await ask(server, '/videos/a.mp4', { method: 'OPTIONS' })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers['access-control-allow-headers'] ?? '', /\bRange\b/)
  assert.equal((await ask(server, '/empty.bin')).headers['content-length'], '0')
})

test('who wants no cache is told to keep nothing, unless a proxy asks for all others', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  for (const [headers, expected] of [
    [{}, 'no-cache'],
    [{ 'Cache-Control': 'max-age=0' }, 'no-cache'],
    [{ 'Cache-Control': 'no-cache' }, 'no-store'],
    [{ 'Cache-Control': 'no-cache', Range: 'bytes=0-9' }, 'no-store'],
    [{ 'Cache-Control': 'no-cache', Via: '1.1 cache' }, 'no-cache'],
    [{ 'Cache-Control': 'no-cache', 'X-Forwarded-For': '192.0.2.1' }, 'no-cache'],
  ] as const)
    assert.equal((await ask(server, '/videos/a.mp4', { headers })).headers['cache-control'], expected)
})

test('the tag changes whenever the file does, even within the same size', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'one' })
  const server = await serve(t, { dir })
  const before = (await ask(server, '/a.bin')).headers.etag
  await writeFile(join(dir, 'b.bin'), 'two')
  await rename(join(dir, 'b.bin'), join(dir, 'a.bin'))
  assert.notEqual((await ask(server, '/a.bin')).headers.etag, before)
})

test('paths: encoded names, folders, dotfiles and ways out', async (t) => {
  const dir = await makeSite(t)
  await writeFile(join(dir, '../outside.txt'), 'SECRET')
  await symlink('../outside.txt', join(dir, 'out.txt'))
  await symlink('videos/a.mp4', join(dir, 'in.mp4'))
  const server = await serve(t, { dir, inject: false })
  const odd = await ask(server, '/%C3%A4%20b/x%231%25%3F.bin?v=1#f')
  assert.deepEqual([odd.status, odd.body.toString()], [200, 'odd name'])
  assert.equal((await ask(server, '/docs/')).body.toString(), '<p>fragment</p>')
  const folder = await ask(server, '/docs?x=1')
  assert.deepEqual([folder.status, folder.headers.location], [301, '/docs/?x=1'])
  assert.equal((await ask(server, '/.well-known/security.txt')).status, 200)
  assert.equal((await ask(server, '/in.mp4')).headers['content-type'], 'video/mp4')
  for (const [path, status] of [
    ['/nothing', 404],
    ['/videos/', 404],
    ['/.env', 404],
    ['/%2eenv', 404],
    ['/.git/config', 404],
    ['/docs/.well-known/x', 404],
    ['/out.txt', 404],
    ['//docs', 404],
    ['//evil.example/..', 400],
    ['/../outside.txt', 400],
    ['/docs/%2e%2e/%2e%2e/outside.txt', 400],
    ['/docs/..%2f..%2foutside.txt', 400],
    ['/docs/..%5c..%5coutside.txt', 400],
    ['/a%00.txt', 400],
    ['/%ff', 400],
    ['/%', 400],
  ] as const) {
    const { status: answered, body } = await ask(server, path)
    assert.equal(answered, status, path)
    assert.ok(!body.includes('SECRET'))
  }
})

test('pages get the tag once, in their head, and a tag of their own for caches', async (t) => {
  const tag = '<script src="/tributary.js" async></script>'
  const dir = await makeFolder(t, {
    'index.html': '<!doctype html><html><head><title>T</title></HEAD><body></body></html>',
    'bare.html': '<video src=a.mp4></video>',
    'has.html': '<html><head><script async src="../tributary.js?v=2"></script></head></html>',
    'latin.htm': Buffer.from('<head><title>\xe9</title></head>', 'latin1'),
    'wide.html': Buffer.from('\ufeff<html></html>', 'utf16le'),
    'notes.txt': '<head></head>',
  })
  const server = await serve(t, { dir })
  const page = await ask(server, '/')
  assert.equal(page.body.toString(), `<!doctype html><html><head><title>T</title>${tag}</HEAD><body></body></html>`)
  assert.equal(page.headers['content-length'], String(page.body.length))
  const again = await ask(server, '/index.html', { headers: { 'If-None-Match': page.headers.etag ?? '' } })
  assert.deepEqual([again.status, again.body.length], [304, 0])
  assert.equal((await ask(server, '/bare.html')).body.toString(), `${tag}<video src=a.mp4></video>`)
  assert.equal((await ask(server, '/latin.htm')).body.toString('latin1'), `<head><title>\xe9</title>${tag}</head>`)
  for (const name of ['has.html', 'wide.html', 'notes.txt'])
    assert.ok((await ask(server, `/${name}`)).body.equals(await readFile(join(dir, name))), name)
  const plain = await serve(t, { dir, inject: false })
  assert.ok((await ask(plain, '/')).body.equals(await readFile(join(dir, 'index.html'))))
})

test('our scripts go out packed to those who take that, and are the same', async (t) => {
  const dir = await makeFolder(t, { 'tributary-mesh.js': 'export const mesh = 1\n'.repeat(1000) })
  const server = await serve(t, { dir })
  const plain = await ask(server, '/tributary-mesh.js')
  const packed = await ask(server, '/tributary-mesh.js', { headers: { 'Accept-Encoding': 'br, gzip' } })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.ok(packed.body.length < plain.body.length / 2)
  assert.ok(gunzipSync(packed.body).equals(plain.body))
  assert.notEqual(packed.headers.etag, plain.headers.etag)
  const again = { 'Accept-Encoding': 'gzip', 'If-None-Match': packed.headers.etag ?? '' }
  assert.equal((await ask(server, '/tributary-mesh.js', { headers: again })).status, 304)
  const part = { 'Accept-Encoding': 'gzip', Range: 'bytes=0-9' }
  assert.ok((await ask(server, '/tributary-mesh.js', { headers: part })).body.equals(plain.body.subarray(0, 10)))
})

test('a manifest on the fly: right, renewed when files change, and nothing written into the site', async (t) => {
  const dir = await makeSite(t)
  const server = await serve(t, { dir })
  await server.manifestReady
  const before = parseManifest(JSON.parse((await ask(server, '/chunk-manifest.json')).body.toString()))
  const [swarm] = before.swarms
  assert.deepEqual(
    swarm?.files.map(({ path, size }) => [path, size]),
    [['videos/a.mp4', video.length]],
  )
  assert.equal((await ask(server, `/${swarm?.hashes}`)).body.length, 32 * (swarm?.chunkCount ?? 0))
  assert.equal((await ask(server, `/${swarm?.torrent}`)).status, 200)
  assert.equal((await ask(server, '/chunks/.hash-cache.json')).status, 404)
  assert.ok(!(await readdir(dir)).some((name) => name.startsWith('chunk')))
  await writeFile(join(dir, 'new.bin'), madeUp('new', 2 * MiB))
  for (;;) {
    const manifest = parseManifest(JSON.parse((await ask(server, '/chunk-manifest.json')).body.toString()))
    if (manifest.swarms.length === 2) break
  }
})

test("the site's own manifest comes first", async (t) => {
  const dir = await makeSite(t)
  await writeFile(join(dir, 'chunk-manifest.json'), '{"version":1,"swarms":[]}')
  const server = await serve(t, { dir })
  await server.manifestReady
  assert.equal((await ask(server, '/chunk-manifest.json')).body.toString(), '{"version":1,"swarms":[]}')
})

test('metrics count exactly the body bytes, by path', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  await ask(server, '/videos/a.mp4')
  await ask(server, '/videos/a.mp4', { headers: { Range: 'bytes=0-99' } })
  await ask(server, '/videos/a.mp4', { method: 'HEAD' })
  await ask(server, '/nothing')
  assert.equal(server.metrics.bytesOf('/videos/a.mp4'), video.length + 100)
  assert.equal(server.metrics.requestsOf('/videos/a.mp4'), 3)
  const { headers, body } = await ask(server, '/tributary/metrics')
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  const text = body.toString()
  assert.ok(text.includes(`tributary_origin_bytes_total{path="/videos/a.mp4",class="file"} ${video.length + 100}\n`))
  assert.ok(text.includes('tributary_origin_requests_total{class="file",status="206"} 1\n'))
  assert.ok(text.includes('tributary_origin_requests_total{class="other",status="404"} 1\n'))
})

test('an aborted response counts what the system took, no more and no less than a write', async (t) => {
  const large = madeUp('large', 64 * MiB)
  const server = await serve(t, { dir: await makeFolder(t, { 'large.bin': large }) })
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
  let received = 0
  await new Promise<void>((resolve) => {
    socket.on('data', (part: Buffer) => {
      received += part.length
      if (received > MiB) resolve(void socket.destroy())
    })
  })
  while (server.metrics.requestsOf('/large.bin') === 0) await new Promise(setImmediate)
  const counted = server.metrics.bytesOf('/large.bin')
  // At most one write of 64 KiB was under way, and what was received has headers of less than 1 KiB.
  assert.ok(counted >= received - 1024 - 65_536, `${counted} counted, ${received} received`)
  assert.ok(counted < large.length)
})

test('a file that is cut short while it is sent breaks the connection', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 8 * MiB) })
  const server = await serve(t, { dir, egress: 1e6 })
  const request = httpRequest(`${server.url}a.bin`).end()
  const [response]: IncomingMessage[] = await once(request, 'response')
  await writeFile(join(dir, 'a.bin'), 'short')
  server.setEgress(undefined)
  await assert.rejects(async () => {
    for await (const _ of response ?? []);
  }, /aborted/)
})

test('a hook sees each request first', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  server.setFault((request, response) => {
    if (request.url !== '/videos/a.mp4') return false
    response.writeHead(503).end()
    return true
  })
  assert.equal((await ask(server, '/videos/a.mp4')).status, 503)
  assert.equal((await ask(server, '/')).status, 200)
  server.setFault(undefined)
  assert.equal((await ask(server, '/videos/a.mp4')).status, 200)
})

test('two peers meet at the tracker', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/announce`)
    await once(socket, 'open')
    return socket
  }
  const next = async (socket: WebSocket, has: string) => {
    for (;;) {
      const [data]: Buffer[] = await once(socket, 'message')
      const message = JSON.parse(String(data))
      if (has in message) return message
    }
  }
  const announce = (id: string, offers: unknown[]) =>
    JSON.stringify({
      action: 'announce',
      info_hash: 'i'.repeat(20),
      peer_id: id.repeat(20),
      numwant: 1,
      left: 1,
      uploaded: 0,
      downloaded: 0,
      event: 'started',
      offers,
    })
  const [first, second] = [await open(), await open()]
  const welcome = next(first, 'interval')
  first.send(announce('a', []))
  await welcome
  const offered = next(first, 'offer')
  second.send(announce('b', [{ offer: { type: 'offer', sdp: 'x' }, offer_id: 'o'.repeat(20) }]))
  const { offer, peer_id: from } = await offered
  assert.deepEqual([offer, from], [{ type: 'offer', sdp: 'x' }, 'b'.repeat(20)])
  assert.match((await ask(server, '/tributary/metrics')).body.toString(), /^tributary_tracker_peers 2$/m)
  first.close()
  second.close()
})

test('the tracker answers plain HTTP and other upgrades with a refusal', async (t) => {
  const server = await serve(t, { dir: await makeSite(t) })
  assert.equal((await ask(server, '/announce')).status, 426)
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/other`)
  const [error] = await once(socket, 'error')
  assert.match(String(error), /404/)
})

test('close ends connections that are open and frees the port', async (t) => {
  const dir = await makeSite(t)
  const server = await startServer({ dir, egress: 1000 })
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/announce`)
  await once(socket, 'open')
  const request = httpRequest(`${server.url}videos/a.mp4`).end()
  const [response]: IncomingMessage[] = await once(request, 'response')
  const cut = assert.rejects(async () => {
    for await (const _ of response ?? []);
  })
  await server.close()
  await cut
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
  const next = await startServer({ dir, port: server.port })
  await assert.rejects(startServer({ dir, port: server.port }), (error) => {
    return error instanceof Failure && /is in use/.test(error.message) && error.exitCode === 1
  })
  await next.close()
})

test('a folder that is not there is a failure', async (t) => {
  const dir = await makeFolder(t, {})
  await assert.rejects(startServer({ dir: join(dir, 'no') }), Failure)
})
