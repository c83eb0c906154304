import assert from 'node:assert/strict'
import { test as run, type TestContext } from 'node:test'
import { type Answer, never } from '../test/harness/worker/fake-host.ts'
import { digestOf, madeUp, WorkerSite, type WorkerSiteOptions } from '../test/harness/worker/worker-site.ts'

// Peers behind the real bridge: whatever they and their page do, the bytes are right and nobody waits for ever.

const KiB = 1024
const MiB = 1024 * KiB
const test = (name: string, work: (t: TestContext) => Promise<void>) => run(name, { timeout: 20_000 }, work)
const BYTES = madeUp(8 * MiB + 11)

async function open(t: TestContext, options: Partial<WorkerSiteOptions> = {}): Promise<WorkerSite> {
  const site = await WorkerSite.open(t, {
    files: { 'a.bin': { bytes: BYTES, chunkSize: 256 * KiB } },
    mesh: true,
    ...options,
  })
  site.host.answer = async (chunk) => site.chunk(chunk)
  return site
}

/** Joins the swarm by a first request, as its answer does not wait for the mesh. */
async function joined(site: WorkerSite): Promise<void> {
  await (await site.respond('a.bin', { headers: { range: 'bytes=0-0' } })).arrayBuffer()
  while (site.accelerator.mesh.peers === 0) await site.accelerator.mesh.change(1_000)
}

async function download(site: WorkerSite): Promise<string> {
  const response = await site.respond('a.bin')
  return digestOf(new Uint8Array(await response.arrayBuffer()))
}

test('peers bring what lies ahead', async (t) => {
  const site = await open(t, { patience: { call: 60_000, origin: 60_000 } })
  await joined(site)
  // After its first stretch the origin waits until a peer has been asked.
  let asked = () => {}
  const hold = new Promise<void>((resolve) => {
    asked = resolve
  })
  site.host.answer = async (chunk) => {
    asked()
    return site.chunk(chunk)
  }
  const before = site.origin.requestsOf('a.bin').length
  const isLater = () => site.origin.requestsOf('a.bin').length > before + 1
  site.origin.fault = ({ path }) => (path === 'a.bin' && isLater() ? { hold } : undefined)
  assert.equal(await download(site), digestOf(BYTES))
  const { bytes } = site.accelerator.stats()
  assert.ok(bytes.peers > 0)
  await t.test('each byte comes once', () =>
    assert.ok(bytes.origin + bytes.peers <= BYTES.length + 512 * KiB, JSON.stringify(bytes)),
  )
})

/** Plays a segment that nobody has asked for yet, by script. @param slackMs what the player has to play meanwhile */
async function playSegment(t: TestContext, slackMs: number, answer?: Answer) {
  const bytes = madeUp(256 * KiB)
  const site = await open(t, { files: { 'a.bin': { bytes, type: 'video/iso.segment' } } })
  await joined(site)
  site.host.answer = answer ?? site.host.answer
  site.accelerator.playbacks.report('page', 'blob:https://example.org/1', { slackMs, lengthMs: 60_000 })
  const before = site.origin.requestsOf('a.bin').length
  const response = await site.respond('a.bin', { headers: { range: 'bytes=131072-' } })
  assert.equal(digestOf(new Uint8Array(await response.arrayBuffer())), digestOf(bytes.subarray(131_072)))
  return { origin: site.origin.requestsOf('a.bin').length - before, peers: site.accelerator.stats().bytes.peers }
}

test('a segment for a player that has enough comes from peers from its first byte', async (t) => {
  assert.deepEqual(await playSegment(t, 10_000), { origin: 0, peers: 131_072 })
})

test('what a reader waits for is more urgent than what others may want later', async (t) => {
  const bytes = madeUp(1 * MiB)
  const site = await open(t, { files: { 'a.bin': { bytes, chunkSize: 64 * KiB, type: 'video/iso.segment' } } })
  await joined(site)
  site.accelerator.playbacks.report('page', 'blob:https://example.org/1', { slackMs: 10_000, lengthMs: 60_000 })
  site.host.answer = never
  for (const range of ['bytes=65536-', 'bytes=786432-']) {
    const response = await site.respond('a.bin', { headers: { range } })
    void response.arrayBuffer().catch(() => {}) // nobody brings them but the origin, in its time
  }
  const isFar = (chunk: number) => chunk === 786_432 / 65_536
  while (!site.host.asked.some(isFar)) await new Promise((resolve) => setTimeout(resolve, 1))
  const [near = 0] = site.host.deadlinesMs
  assert.ok((site.host.deadlinesMs[site.host.asked.findIndex(isFar)] ?? near) < near, `${site.host.deadlinesMs}`)
})

test('a segment for a player that runs dry begins at the origin', async (t) => {
  assert.deepEqual(await playSegment(t, 500), { origin: 1, peers: 0 })
})

test('a segment that peers do not bring in time comes from the origin', async (t) => {
  assert.deepEqual(await playSegment(t, 10_000, never), { origin: 1, peers: 0 })
})

const misdeeds: Record<string, (site: WorkerSite) => void> = {
  'nobody has it': (site) => {
    site.host.answer = async () => undefined
  },
  'wrong bytes': (site) => {
    site.host.answer = async (chunk) => site.chunk(chunk).map((byte) => byte ^ 1)
  },
  'too few bytes': (site) => {
    site.host.answer = async (chunk) => site.chunk(chunk).subarray(1)
  },
  'an error': (site) => {
    site.host.answer = async () => {
      throw new Error('not today')
    }
  },
  'no answer': (site) => {
    site.host.answer = never
  },
  'a page that vanishes in the middle of a call': (site) => {
    site.host.answer = (chunk) => {
      site.host.vanish()
      return never<Uint8Array>().then(() => site.chunk(chunk))
    }
  },
}
for (const [name, misbehave] of Object.entries(misdeeds))
  test(`${name}: the origin brings the rest`, async (t) => {
    const site = await open(t, { patience: { call: 300, peerChunk: 1_500 } })
    await joined(site)
    misbehave(site)
    assert.equal(await download(site), digestOf(BYTES))
    const video = await site.respond('a.bin', { destination: 'video', headers: { range: 'bytes=2000000-' } })
    const body = new Uint8Array(await video.arrayBuffer())
    assert.deepEqual(digestOf(body), digestOf(BYTES.subarray(2_000_000, 2_000_000 + body.length)))
    assert.equal(site.accelerator.stats().bytes.peers, 0)
    assert.equal(site.fallbacks.length, 0, 'a peer is no reason to distrust the file')
    const most = Math.ceil(BYTES.length / (256 * KiB))
    assert.ok(site.host.asked.length <= 3 * most, `asked ${site.host.asked.length} times for ${most} chunks`)
  })

test('what the last peer was asked for is for the origin once it has left', async (t) => {
  const bytes = madeUp(256 * KiB)
  const patience = { call: 60_000, peerChunk: 60_000 }
  const site = await open(t, { patience, files: { 'a.bin': { bytes, type: 'video/iso.segment' } } })
  await joined(site)
  site.host.answer = never
  site.accelerator.playbacks.report('page', 'blob:https://example.org/1', { slackMs: 10_000, lengthMs: 60_000 })
  const response = await site.respond('a.bin', { headers: { range: 'bytes=131072-' } })
  const reading = response.arrayBuffer()
  while (site.host.asked.length < 1) await new Promise((resolve) => setTimeout(resolve, 1))
  const leftAt = Date.now()
  site.host.deserted()
  assert.equal(digestOf(new Uint8Array(await reading)), digestOf(bytes.subarray(131_072)))
  const ms = Date.now() - leftAt
  assert.ok(ms < 900, `the rest took ${ms} ms`)
})

test('calls that a lost page has not answered end with it', async (t) => {
  const site = await open(t, { patience: { call: 100, peerChunk: 60_000 } })
  await joined(site)
  site.host.answer = never
  const { mesh } = site.accelerator
  const { infoHash } = site.swarm
  const fetching = mesh.fetchChunk(infoHash, site.swarm.files[0]?.firstChunk ?? assert.fail())
  site.host.vanish()
  mesh.setSharing(true) // the next call finds out
  assert.equal(await fetching, undefined)
  assert.ok(site.messages.some(({ tributary }) => tributary === 'need-host'))
})

test('a page that takes over joins what the one before had joined', async (t) => {
  const site = await open(t)
  await joined(site)
  site.host.offer(site.accelerator.mesh)
  while (site.host.joined.length < 2) await site.accelerator.mesh.change(100)
  assert.deepEqual(
    site.host.joined.map(({ infoHash }) => infoHash),
    [site.swarm.infoHash, site.swarm.infoHash],
  )
  assert.match(site.host.joined[0]?.mesh.announce[0] ?? '', /^ws:\/\/127\.0\.0\.1:\d+\/announce$/)
})

test('without the hash list nobody joins, and nothing is left unhandled', async (t) => {
  const site = await open(t)
  site.origin.fault = ({ path }) => (path.startsWith('chunks/') ? { status: 404 } : undefined)
  site.host.vanish()
  assert.equal(await download(site), digestOf(BYTES))
  assert.equal(site.host.joined.length, 0)
})

test('switched off, the worker leaves its swarms', async (t) => {
  const site = await open(t)
  await joined(site)
  await site.accelerator.setMode('off')
  while (site.host.left.length === 0) await site.accelerator.mesh.change(50)
  assert.deepEqual(site.host.left, [site.swarm.infoHash])
})
