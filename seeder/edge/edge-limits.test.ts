import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { KiB, MiB } from '../../protocol/units.ts'
import { openEdge } from '../../test/harness/edge.ts'
import { eventually } from '../../test/harness/poll.ts'
import { makeScratch } from '../../test/harness/scratch.ts'
import { madeUp, openSite } from '../../test/harness/site.ts'
import { SeederError } from '../errors.ts'
import { nodeClock } from '../node-clock.ts'
import { openStore } from './open-store.ts'

const NAMES = Array.from({ length: 10 }, (_, i) => `file-${i}.bin`)
const SIZE = 12 * MiB
const contents = new Map(NAMES.map((name) => [name, Buffer.from(madeUp(name, SIZE))]))

test('under load the store stays within its bound, and every byte is right', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: Object.fromEntries(contents) })
  const cacheSize = 64 * MiB
  const { edge, bytes, folder } = await openEdge(t, site.url, { cacheSize, maxOpenFiles: 16 })
  const read = async (lane: number) => {
    for (let i = 0; i < 10; i++) {
      const name = NAMES[(lane * 3 + i) % NAMES.length] ?? ''
      const start = ((lane + i) % 3) * 4 * MiB
      const body = await bytes(name, { range: `bytes=${start}-${start + 4 * MiB - 1}` })
      assert.ok(body.equals(contents.get(name)?.subarray(start, start + 4 * MiB) ?? Buffer.alloc(0)), name)
      const { store } = await edge.stats()
      assert.ok(store.used <= cacheSize && store.openFiles <= 24, `${store.used} bytes, ${store.openFiles} files`)
    }
  }
  await Promise.all([0, 1, 2, 3, 4].map(read))
  await eventually(
    async () => (await edge.stats()).store,
    ({ pending, evictedBytes }) => pending === 0 && evictedBytes > 16 * MiB,
  )
  const taken = Number(/^\d+/.exec(spawnSync('du', ['-s', '-B1', folder], { encoding: 'utf8' }).stdout)?.[0])
  assert.ok(taken < cacheSize + MiB, `${taken} bytes on the disk`)
})

test('what was asked for last stays, what was not goes', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: Object.fromEntries(contents) })
  const { bytes, edge } = await openEdge(t, site.url, { cacheSize: 64 * MiB })
  const [popular = '', ...others] = NAMES
  const settled = () =>
    eventually(
      async () => (await edge.stats()).store.pending,
      (pending) => pending === 0,
    )
  await bytes(popular)
  for (const name of others) {
    await bytes(name)
    await settled()
    await bytes(popular)
  }
  assert.equal(site.bytesOf(popular), SIZE)
  await bytes(others[0] ?? '')
  assert.ok(site.bytesOf(others[0] ?? '') > SIZE, 'the first of the others was given up')
})

test('more answers than memory allows are put off, and come when there is room', { timeout: 60_000 }, async (t) => {
  const [name = ''] = NAMES
  const site = await openSite(t, { files: { [name]: contents.get(name) ?? '' } })
  const { get, bytes, url } = await openEdge(t, site.url, { memory: 24 * MiB })
  await bytes(name)
  // Clients that take nothing: each holds its share.
  const { hostname, port } = new URL(url)
  const idle = Array.from({ length: 30 }, () => {
    const socket = connect(Number(port), hostname, () =>
      socket.pause().write(`GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`),
    )
    socket.on('error', () => undefined)
    t.after(() => void socket.destroy())
    return socket
  })
  const refused = await eventually(
    () => get(name, { range: 'bytes=0-9999999' }),
    ({ status }) => status === 503,
  )
  assert.equal(refused.headers.get('retry-after'), '1')
  for (const socket of idle) socket.destroy()
  await eventually(
    () => get(name, { range: 'bytes=0-9999999' }),
    ({ status }) => status === 206,
  )
})

test('who asks for one byte has its share of memory counted by whole chunks', { timeout: 60_000 }, async (t) => {
  const [name = ''] = NAMES
  const film = Buffer.concat([...contents.values()])
  const site = await openSite(t, { files: { [name]: film }, manifest: { chunkSize: 4 * MiB }, egress: 256 * KiB })
  const { get } = await openEdge(t, site.url, { memory: 64 * MiB })
  const answers = Array.from({ length: 30 }, (_, i) => {
    const end = (i + 1) * 4 * MiB - 1
    return get(name, { range: `bytes=${end}-${end}` })
  })
  const put = await Promise.race(answers)
  assert.equal(put.status, 503)
  const asked = site.requestsOf(name).length
  assert.ok(asked >= 8 && asked <= 12, `${asked} chunks of 4 MiB were asked for within 48 MiB`)
  for (const answer of answers) answer.catch(() => undefined)
})

test('where memory is short, who takes nothing gives way', { timeout: 60_000 }, async (t) => {
  const [name = ''] = NAMES
  const site = await openSite(t, { files: { [name]: contents.get(name) ?? '' } })
  let leapMs = 0
  const clock = { ...nodeClock, now: () => nodeClock.now() + leapMs }
  const { get, bytes, url, edge } = await openEdge(t, site.url, { memory: 24 * MiB, clock })
  await bytes(name)
  const { hostname, port } = new URL(url)
  for (let i = 0; i < 12; i++) {
    const socket = connect(Number(port), hostname, () =>
      socket.pause().write(`GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`),
    )
    socket.on('error', () => undefined)
    t.after(() => void socket.destroy())
  }
  await eventually(
    () => get(name),
    ({ status }) => status === 503,
  )
  leapMs = 60_000
  assert.ok((await bytes(name)).equals(contents.get(name) ?? Buffer.alloc(0)))
  const { active } = (await edge.stats()).http
  assert.ok(active >= 6, `${active} of 12 are left, one had to go`)
})

test('connections beyond the limit are closed at once', { timeout: 30_000 }, async (t) => {
  const site = await openSite(t, { files: { 'a.bin': MiB } })
  const { url, edge } = await openEdge(t, site.url, { http: { host: '127.0.0.1', port: 0, maxConnections: 3 } })
  const { hostname, port } = new URL(url)
  let closed = 0
  for (let i = 0; i < 5; i++) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.on('close', () => closed++)
    t.after(() => void socket.destroy())
  }
  await eventually(
    () => closed,
    (count) => count === 2,
  )
  assert.equal((await edge.stats()).http.connections, 3)
})

test('who does not come to the point loses the connection', { timeout: 30_000 }, async (t) => {
  const site = await openSite(t, { files: { 'a.bin': MiB } })
  const { url, edge, bytes } = await openEdge(t, site.url, { http: { host: '127.0.0.1', port: 0, maxConnections: 2 } })
  const { hostname, port } = new URL(url)
  for (const said of ['', 'GET /a.bin HTTP/1.1\r\nHost: x\r\nX-Slow: ']) {
    const socket = connect(Number(port), hostname, () => socket.write(said))
    const drip = setInterval(() => said !== '' && socket.write('a'), 500)
    socket.on('error', () => undefined)
    socket.on('close', () => clearInterval(drip))
    t.after(() => void socket.destroy())
  }
  await eventually(
    async () => (await edge.stats()).http.connections,
    (count) => count === 2,
  )
  await assert.rejects(bytes('a.bin'), 'nobody else gets in')
  await eventually(
    () => bytes('a.bin').catch(() => undefined),
    (body) => body?.length === MiB,
    15_000,
  )
})

test('a disk that takes nothing is told of once, and files are passed through', { timeout: 60_000 }, async (t) => {
  const [name = ''] = NAMES
  const site = await openSite(t, { files: { [name]: contents.get(name) ?? '' } })
  const { bytes, folder, logged, edge } = await openEdge(t, site.url)
  await writeFile(join(folder, 'runs'), 'a file where the folder should be')
  for (let i = 0; i < 2; i++) assert.ok((await bytes(name)).equals(contents.get(name) ?? Buffer.alloc(0)))
  const errors = () => logged.filter(({ level }) => level === 'error').map(({ message }) => message)
  await eventually(errors, ({ length }) => length > 0)
  assert.deepEqual(
    errors().map((message) => /^nothing can be stored \((EEXIST|ENOTDIR)\): .* - look after the disk$/.test(message)),
    [true],
  )
  assert.ok((await edge.stats()).store.used < 128 * KiB)
})

test('a disk that is full from the start is told as such', { timeout: 30_000 }, async (t) => {
  const site = await openSite(t, { files: { 'a.bin': MiB } })
  const folder = await makeScratch(t, 'small-disk')
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder]).status === 0
  if (!mounted) return t.skip('only root may mount a small disk')
  try {
    const options = { cacheSize: 64 * MiB, maxOpenFiles: 16 }
    await (await openStore(join(folder, 'store'), options)).close()
    await writeFile(join(folder, 'filler'), new Uint8Array(2 * MiB)).catch(() => undefined) // that is the point
    const error = await openEdge(t, site.url, { folder: join(folder, 'store') }).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof SeederError, String(error))
    assert.match(`${error.message} - ${error.mend}`, /^the disk of .*store is full - free some space, or /)
  } finally {
    spawnSync('umount', [folder])
  }
})

test('what is no HTTP harms nobody but its own connection', { timeout: 60_000 }, async (t) => {
  const [name = ''] = NAMES
  const site = await openSite(t, { files: { [name]: contents.get(name) ?? '' } })
  const { bytes, url, logged } = await openEdge(t, site.url)
  const { hostname, port } = new URL(url)
  /** First line of what comes back; empty when the connection is closed without a word. */
  const say = (text: string | Uint8Array) =>
    new Promise<string>((resolve) => {
      let heard = ''
      const socket = connect(Number(port), hostname, () => socket.end(text))
      socket.on('data', (part) => {
        heard += part
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(heard.split('\r\n')[0] ?? ''))
    })
  const get = (target: string, headers = '') =>
    say(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`)
  for (const target of [
    '/../../../etc/passwd',
    '//etc/passwd',
    '/%00%ff',
    '/%2e%2e/%2e%2e/etc/passwd',
    `/${name}/../x`,
    '*',
  ])
    assert.match(await get(target), /^HTTP\/1\.1 40[04] /, target)
  assert.match(await get(`/${name}`, 'Range: bytes=99999999999999999999-\r\n'), /^HTTP\/1\.1 416 /)
  assert.match(await get(`/${'a'.repeat(40_000)}`), /^HTTP\/1\.1 431 /)
  assert.match(await get(`/${name}`, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), /^HTTP\/1\.1 400 /)
  for (let seed = 0; seed < 20; seed++)
    assert.match(await say(madeUp(`garbage ${seed}`, 20 * KiB)), /^(HTTP\/1\.1 400 .*)?$/)
  assert.ok((await bytes(name)).equals(contents.get(name) ?? Buffer.alloc(0)))
  assert.deepEqual(
    logged.filter(({ level }) => level === 'error'),
    [],
  )
})
