import assert from 'node:assert/strict'
import { rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { LeapingClock } from '../bench/lib/leaping-clock.ts'
import { KiB, MiB } from '../protocol/units.ts'
import { fetchAll, offeredTo, openNodePeer, untilOffered } from '../test/harness/node-peer.ts'
import { eventually } from '../test/harness/poll.ts'
import { openSeeder, openSeedSite, swarmOf, writeManifestOf } from '../test/harness/seeding.ts'
import { madeUp } from '../test/harness/site.ts'
import { WebRtcProcess } from './webrtc/webrtc-process.ts'

const FILE = 'media/film.bin'
const SIZE = 3 * MiB + 12_345

test('a peer gets a whole file from the seeder, byte by byte', { timeout: 60_000 }, async (t) => {
  const film = madeUp(FILE, SIZE)
  const site = await openSeedSite(t, { [FILE]: film })
  const { seeder } = await openSeeder(t, site)
  const { swarm, hashes } = await swarmOf(site.dir, FILE)
  const peer = await openNodePeer(t, [site.tracker])
  const driver = peer.join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  const chunks = await fetchAll(driver, swarm.chunkCount)
  assert.ok(Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array())).equals(film))
  assert.equal(seeder.stats().uploaded, SIZE)
  assert.equal(seeder.stats().peers, 1)
  assert.equal(site.server.metrics.bytesOf(`/${FILE}`), 0)
})

test('what does not match the manifest is not served, the rest is, and each file is warned of once', async (t) => {
  const files = ['good', 'changed', 'short', 'gone', 'outside'].map((name) => [`${name}.bin`, madeUp(name, 256 * KiB)])
  const site = await openSeedSite(t, Object.fromEntries(files), {
    manifest: ['--min-size', '1', '--bundle', '*.bin', '--chunk-size', '64KiB'],
  })
  const changed = Buffer.from(madeUp('changed', 256 * KiB))
  changed.fill(0, 70 * KiB, 71 * KiB)
  await writeFile(join(site.dir, 'changed.bin'), changed)
  await truncate(join(site.dir, 'short.bin'), 100 * KiB)
  await rm(join(site.dir, 'gone.bin'))
  await rename(join(site.dir, 'outside.bin'), join(site.dir, '..', 'outside.bin'))
  await symlink(join(site.dir, '..', 'outside.bin'), join(site.dir, 'outside.bin'))
  const { logged } = await openSeeder(t, site)
  const { swarm, hashes } = await swarmOf(site.dir, 'good.bin')
  const driver = (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, 9)
  const chunks = await fetchAll(driver, swarm.chunkCount, 3_000)
  const served = (path: string) => {
    const first = swarm.files.find((file) => file.path === path)?.firstChunk ?? -1
    return [0, 1, 2, 3].map((i) => chunks[first + i] !== undefined)
  }
  assert.deepEqual(served('good.bin'), [true, true, true, true])
  assert.deepEqual(served('changed.bin'), [true, false, true, true])
  assert.deepEqual(served('short.bin'), [true, false, false, false])
  assert.deepEqual(served('gone.bin'), [false, false, false, false])
  assert.deepEqual(served('outside.bin'), [false, false, false, false])
  const warnings = logged.filter(({ level }) => level === 'warn').map(({ message }) => message.split(':')[0])
  assert.deepEqual(warnings.sort(), [
    'changed.bin has changed since the manifest was made',
    'gone.bin is missing',
    'outside.bin leads outside of the folder',
    'short.bin is shorter than in the manifest',
  ])
})

test('a new manifest is followed without a restart', { timeout: 60_000 }, async (t) => {
  const site = await openSeedSite(t, { 'old.bin': madeUp('old', 200 * KiB), 'kept.bin': madeUp('kept', 200 * KiB) })
  const { seeder } = await openSeeder(t, site)
  const listed = () => seeder.stats().swarms.length
  assert.equal(listed(), 2)
  await rm(join(site.dir, 'old.bin'))
  const news = madeUp('news', 300 * KiB)
  for (const name of ['new-1.bin', 'new-2.bin']) await writeFile(join(site.dir, name), news)
  await writeManifestOf(site.dir)
  await eventually(listed, (count) => count === 3)
  const { swarm, hashes } = await swarmOf(site.dir, 'new-1.bin')
  const driver = (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  const chunks = await fetchAll(driver, swarm.chunkCount)
  assert.ok(Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array())).equals(news))
})

test('a file that comes back is offered again on reload, to connected peers too', { timeout: 60_000 }, async (t) => {
  const bytes = { 'a.bin': madeUp('a', 128 * KiB), 'b.bin': madeUp('b', 128 * KiB) }
  const site = await openSeedSite(t, bytes, { manifest: ['--min-size', '1', '--bundle', '*.bin'] })
  await rename(join(site.dir, 'b.bin'), join(site.dir, 'b.away'))
  const { seeder, logged } = await openSeeder(t, site)
  const { swarm, hashes } = await swarmOf(site.dir, 'a.bin')
  const driver = (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  const half = swarm.chunkCount / 2
  await untilOffered(driver, swarm.chunkCount, half)
  assert.equal(offeredTo(driver, swarm.chunkCount).length, half)
  await rename(join(site.dir, 'b.away'), join(site.dir, 'b.bin'))
  await seeder.reload()
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  assert.ok(logged.some(({ message }) => message === 'b.bin is as in the manifest again'))
})

test('visitors that come at the same moment all meet the seeder', { timeout: 90_000 }, async (t) => {
  const site = await openSeedSite(t, { [FILE]: madeUp(FILE, 256 * KiB) })
  await openSeeder(t, site)
  const { swarm, hashes } = await swarmOf(site.dir, FILE)
  const peers = await Promise.all(Array.from({ length: 4 }, () => openNodePeer(t, [site.tracker])))
  const drivers = peers.map((peer) => peer.join(swarm, hashes))
  await Promise.all(drivers.map((driver) => untilOffered(driver, swarm.chunkCount, swarm.chunkCount)))
})

test('a crash of WebRTC costs a seeder its connections for some seconds, and nothing else', {
  timeout: 60_000,
}, async (t) => {
  const film = madeUp(FILE, SIZE)
  const site = await openSeedSite(t, { [FILE]: film })
  const webRtc = await WebRtcProcess.start()
  const { logged } = await openSeeder(t, site, { makeTransport: webRtc.makeTransport })
  const { swarm, hashes } = await swarmOf(site.dir, FILE)
  const driver = (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  process.kill(webRtc.pid ?? 0, 'SIGSEGV')
  const chunks = await fetchAll(driver, swarm.chunkCount, 50_000)
  assert.ok(Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array())).equals(film))
  assert.ok(logged.some(({ message }) => message.startsWith('WebRTC has crashed')))
})

test('a full seeder lets go of who is idle when somebody comes who wants something', { timeout: 60_000 }, async (t) => {
  const film = madeUp(FILE, 256 * KiB)
  const site = await openSeedSite(t, { [FILE]: film })
  const clock = new LeapingClock()
  const { seeder } = await openSeeder(t, site, { maxPeers: 1, clock })
  const { swarm, hashes } = await swarmOf(site.dir, FILE)
  const come = async () => (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  const first = await come()
  await fetchAll(first, swarm.chunkCount)
  await clock.leap(16_000, 1_000)
  const second = await come()
  await untilOffered(second, swarm.chunkCount, swarm.chunkCount)
  assert.equal(seeder.stats().peers, 1)
})

test('told to stop, a seeder sends what it has begun and is gone', { timeout: 60_000 }, async (t) => {
  const film = Buffer.from(madeUp(FILE, 4 * MiB))
  const site = await openSeedSite(t, { [FILE]: film })
  const { seeder } = await openSeeder(t, site, { uploadLimit: 512 * KiB })
  const { swarm, hashes } = await swarmOf(site.dir, FILE)
  const peer = await openNodePeer(t, [site.tracker])
  const driver = peer.join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  const fetched = fetchAll(driver, swarm.chunkCount, 8_000)
  await eventually(
    () => seeder.stats().uploaded,
    (bytes) => bytes > 0,
  )
  await seeder.close(3_000)
  const { uploaded } = seeder.stats()
  assert.ok(uploaded < film.length, 'it was still sending')
  await eventually(
    () => peer.peersIn(swarm.infoHash),
    (peers) => peers === 0,
  )
  for (const [chunk, bytes] of (await fetched).entries())
    if (bytes) assert.ok(film.subarray(chunk * swarm.chunkSize, (chunk + 1) * swarm.chunkSize).equals(bytes))
})
