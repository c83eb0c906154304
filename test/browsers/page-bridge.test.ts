import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { clickLink, saved } from '../harness/downloads.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'
import { statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'

const FILE = 'files/big.bin'
const SIZE = 8 * MiB
/** Slow enough that peers are worth asking. */
const EGRESS = 2 * MiB

/** Reads a whole file in the page. @returns its length */
function read(tab: Tab, path: string): Promise<number> {
  return tab.evaluate(async (path) => (await (await fetch(`/${path}`)).arrayBuffer()).byteLength, path)
}

function page(attributes: string): string {
  return `<!doctype html><title>Test page</title><script src="/kit.js"></script><script src="/tributary.js" ${attributes} async></script>`
}

/** A visitor that holds the file and stays. */
async function openHolder(t: Parameters<typeof openChromium>[0], site: Site): Promise<Tab> {
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await read(tab, FILE)
  await untilStored(tab, FILE)
  return tab
}

test('another tab hosts the mesh when the one that did is closed', { timeout: 120_000 }, async (t) => {
  const size = 3 * SIZE // so much that the new host has met the peer before the origin has brought it all
  const site = await openSite(t, { files: { [FILE]: size } })
  await openHolder(t, site)
  site.setEgress(EGRESS)
  const visitor = await openChromium(t)
  const [first, second] = [await visitor.tab(), await visitor.tab()]
  await visit(first, site)
  await visit(second, site)
  const reading = read(second, FILE)
  await untilPeers(second)
  await first.close()
  const closed = await statsOf(second)
  assert.equal(await reading, size)
  await untilPeers(second)
  const { bytes } = await statsOf(second)
  assert.ok(bytes.peers > closed.bytes.peers, `${bytes.peers} bytes from peers, ${closed.bytes.peers} before`)
})

test('a blocked mesh script costs nothing but the mesh', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: SIZE } })
  site.setFault('tributary-mesh.js', { kind: 'status', status: 403 })
  const tab = await (await openChromium(t)).tab()
  assert.equal((await visit(tab, site)).worker, 'active')
  assert.equal(await read(tab, FILE), SIZE)
  const { bytes, peers } = await statsOf(tab)
  assert.deepEqual([bytes.origin, bytes.peers, peers], [SIZE, 0, 0])
})

test('where the site asks for consent, nothing is uploaded before it is given', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: SIZE, 'ask.html': page('data-consent="ask"') }, inject: false })
  const asked = await (await openChromium(t)).tab()
  assert.equal((await visit(asked, site, 'ask.html')).sharing, false)
  await read(asked, FILE)
  await untilStored(asked, FILE)
  site.setEgress(EGRESS)
  const early = await (await openChromium(t)).tab()
  await visit(early, site, 'ask.html')
  await read(early, FILE)
  assert.equal((await statsOf(early)).bytes.peers, 0)
  await asked.evaluate(() => window.tributary?.setSharing(true))
  const late = await (await openChromium(t)).tab()
  await visit(late, site, 'ask.html')
  await read(late, FILE)
  assert.ok((await statsOf(late)).bytes.peers > 0)
  assert.ok((await statsOf(asked)).bytes.uploaded > 0)
})

test('counters start at the first visit of the session and outlive a reload', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: SIZE } })
  const visitor = await openChromium(t)
  const tab = await visitor.tab()
  await visit(tab, site)
  await read(tab, FILE)
  await untilStored(tab, FILE)
  const before = await statsOf(tab)
  assert.equal(before.bytes.origin, SIZE)
  await visit(tab, site)
  assert.equal((await statsOf(tab)).bytes.origin, SIZE)
  const later = await visitor.tab()
  await visit(later, site)
  assert.deepEqual((await statsOf(later)).bytes, { cache: 0, peers: 0, origin: 0, uploaded: 0 })
  await read(later, FILE)
  assert.equal((await statsOf(later)).bytes.cache, SIZE)
})

test('the tag turns it off, and the next tag on again', { timeout: 120_000 }, async (t) => {
  const files = { [FILE]: SIZE, 'off.html': page('data-mode="off"'), 'on.html': page('') }
  const site = await openSite(t, { files, inject: false })
  const tab = await (await openChromium(t)).tab()
  assert.equal((await visit(tab, site, 'off.html')).mode, 'off')
  await read(tab, FILE)
  assert.equal((await statsOf(tab)).bytes.origin, 0)
  assert.equal((await visit(tab, site, 'on.html')).mode, 'on')
  await read(tab, FILE)
  assert.equal((await statsOf(tab)).bytes.origin, SIZE)
})

test('a click that the site cancels starts no download', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: SIZE } })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await tab.evaluate((path) => {
    document.addEventListener('click', (event) => event.preventDefault(), { once: true })
    window.kit.click(`/${path}`, { download: 'cancelled.bin' })
  }, FILE)
  const download = await tab.download(() => clickLink(tab, FILE, { download: 'wanted.bin' }))
  assert.equal((await saved(download)).name, 'wanted.bin')
  const frames = await tab.evaluate(() => Array.from(document.querySelectorAll('iframe'), (frame) => frame.src))
  assert.equal(frames.length, 1, frames.join(' '))
})

test('a media element that loaded before the worker came is led through it', { timeout: 120_000 }, async (t) => {
  const video =
    '<!doctype html><title>v</title><script src="/kit.js"></script><video preload="metadata" src="/videos/tributary.mp4"></video>'
  const site = await openSite(t, {
    video: true,
    files: { 'video.html': `${video}<script src="/tributary.js" async></script>` },
    inject: false,
  })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site, 'video.html')
  // What it loaded before may last it until it plays.
  await tab.evaluate(async () => {
    const video = document.querySelector('video')
    if (video) video.muted = true
    await video?.play()
  })
  const { bytes } = await eventually(
    () => statsOf(tab),
    ({ bytes }) => bytes.origin > 0,
  )
  assert.ok(bytes.origin > 0)
})
