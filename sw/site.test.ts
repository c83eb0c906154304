import assert from 'node:assert/strict'
import { test } from 'node:test'
import { madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// The manifest over time. Only the clock is made up: it jumps over the pause between two looks at the origin.

const KiB = 1024
const FILES = { 'a.bin': { bytes: madeUp(200 * KiB) } }
const START = Date.UTC(2024, 9, 1)
const MANIFEST = 'chunk-manifest.json'

type Owner = Parameters<typeof WorkerSite.open>[0] & {
  readonly mock: { timers: { enable(options: { apis: ['Date']; now: number }): void; setTime(ms: number): void } }
}

/** A site, and a way to make its worker look at the manifest again. */
async function open(t: Owner, mesh = false): Promise<{ site: WorkerSite; look: () => Promise<void> }> {
  t.mock.timers.enable({ apis: ['Date'], now: START })
  const site = await WorkerSite.open(t, { files: FILES, mesh })
  let now = START
  const look = async () => {
    now += 31_000
    t.mock.timers.setTime(now)
    await site.accelerator.site.revalidate()
    await site.accelerator.lifetime.idle()
  }
  return { site, look }
}

const url = (site: WorkerSite) => `${site.origin.url}a.bin`
const state = (site: WorkerSite) => site.accelerator.state().manifest

test('a manifest that is not there is none, and nothing is served', async (t) => {
  const { site, look } = await open(t)
  assert.equal(state(site), 'good')
  site.origin.fault = ({ path }) => (path === MANIFEST ? { status: 404 } : undefined)
  await look()
  assert.equal(state(site), 'none')
  assert.equal(site.accelerator.serves(url(site)), false)
  await site.reopen()
  assert.equal(state(site), 'none', 'not even by the next worker')
})

for (const [name, fault] of Object.entries({
  'an error of the server': { status: 503 },
  'too many requests': { status: 429 },
  'a cut connection': { cutAfter: 100 },
}))
  test(`${name}: the manifest stays in force`, async (t) => {
    const { site, look } = await open(t)
    site.origin.fault = ({ path }) => (path === MANIFEST ? fault : undefined)
    await look()
    assert.equal(state(site), 'good')
    site.origin.fault = () => undefined
    await look()
    assert.equal(state(site), 'good')
  })

test('a broken manifest is told once and serves nothing; mended, it is in force again', async (t) => {
  const { site, look } = await open(t)
  const good = site.origin.files.get(MANIFEST)
  assert.ok(good)
  site.origin.files.set(MANIFEST, { bytes: new Uint8Array(new TextEncoder().encode('<!doctype html>')) })
  await look()
  await look()
  assert.equal(state(site), 'broken')
  assert.equal(site.accelerator.serves(url(site)), false)
  assert.deepEqual(
    site.fallbacks.map(({ reason }) => reason),
    ['manifest-broken'],
  )
  site.origin.files.set(MANIFEST, good)
  await look()
  assert.equal(state(site), 'good')
})

test('the kill switch ends acceleration and sharing', async (t) => {
  const { site, look } = await open(t, true)
  await (await site.respond('a.bin')).arrayBuffer()
  while (site.accelerator.mesh.peers === 0) await site.accelerator.mesh.change(100)
  const { infoHash } = site.swarm
  site.publish(FILES, { disabled: true })
  await look()
  assert.equal(state(site), 'disabled')
  assert.equal(site.accelerator.serves(url(site)), false)
  assert.equal(site.accelerator.mesh.status(infoHash), undefined)
})

test('the manifest is looked at once in a while, however many requests come', async (t) => {
  const { site, look } = await open(t)
  for (let i = 0; i < 5; i++) await (await site.respond('a.bin')).arrayBuffer()
  assert.equal(site.origin.requestsOf(MANIFEST).length, 1)
  await Promise.all([look(), site.accelerator.site.revalidate()])
  assert.equal(site.origin.requestsOf(MANIFEST).length, 2)
})

test('a file that stays the same stays the same object, whatever else changes', async (t) => {
  const { site, look } = await open(t)
  const before = site.accelerator.site.find(url(site))
  site.publish({ ...FILES, 'b.bin': { bytes: madeUp(100) } })
  await look()
  assert.equal(site.accelerator.state().files, 2)
  assert.equal(site.accelerator.site.find(url(site)), before)
})

test('a new version forgets all of the old one', async (t) => {
  const { site, look } = await open(t)
  await (await site.respond('a.bin')).arrayBuffer()
  await site.accelerator.lifetime.idle()
  const { infoHash } = site.swarm
  assert.deepEqual(await site.chunks.swarms(), [infoHash])
  assert.ok(await site.values.get(`hashes:${infoHash}`))
  const changed = { 'a.bin': { bytes: madeUp(200 * KiB, 2) } }
  site.publish(changed)
  await look()
  assert.deepEqual(await site.chunks.swarms(), [])
  assert.equal(await site.values.get(`hashes:${infoHash}`), undefined)
  assert.equal(await site.values.get(`file:${infoHash}/a.bin`), undefined)
})

test('a manifest that names another version in the middle of an answer', async (t) => {
  const { site, look } = await open(t)
  await site.cache('a.bin', [0, 1, 2])
  let goOn = () => {}
  const hold = new Promise<void>((resolve) => {
    goOn = resolve
  })
  site.origin.fault = ({ path }) => (path === 'a.bin' ? { hold } : undefined)
  const response = await site.respond('a.bin')
  site.publish({ 'a.bin': { bytes: madeUp(200 * KiB, 2) } })
  await look()
  goOn()
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), FILES['a.bin'].bytes)
  await site.accelerator.lifetime.idle()
  assert.deepEqual(await site.chunks.swarms(), [], 'what came late is not kept')
})

test('clear() in the middle of an answer', async (t) => {
  const { site } = await open(t)
  await site.cache('a.bin', [0, 1, 2])
  let goOn = () => {}
  const hold = new Promise<void>((resolve) => {
    goOn = resolve
  })
  site.origin.fault = ({ path }) => (path === 'a.bin' ? { hold } : undefined)
  const response = await site.respond('a.bin')
  await site.accelerator.clear()
  assert.deepEqual(await site.chunks.swarms(), [])
  goOn()
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), FILES['a.bin'].bytes)
  await site.accelerator.lifetime.idle()
  assert.equal(state(site), 'good')
  site.origin.fault = () => ({ status: 500 })
  assert.equal((await site.respond('a.bin', { headers: { range: 'bytes=150000-' } })).status, 206, 'it is kept again')
})
