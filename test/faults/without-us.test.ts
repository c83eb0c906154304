import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Chromium, type ChromiumTab, openChromium, openIncognito } from '../harness/chromium.ts'
import type { Fault } from '../harness/faults.ts'
import { openFirefox } from '../harness/firefox.ts'
import { sha256 } from '../harness/hash.ts'
import { makeScratch, type Owner } from '../harness/scratch.ts'
import { madeUp, openSite, type Site, type SiteOptions, VIDEO } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'
import { startVideo, watchUntil } from '../harness/video.ts'
import { ask, statsOf, visit } from '../harness/visit.ts'

const FILE = 'files/data.bin'
const SIZE = 3_000_001
const MANIFEST = 'chunk-manifest.json'

/** How much later than without us anything may happen. */
const LATER_MS = 1_000

interface Case {
  readonly site?: SiteOptions
  /** Breaks something before anybody visits. */
  readonly fault?: (site: Site) => void | Promise<void>
  /** Breaks something once the worker controls the page. */
  readonly later?: (site: Site, tab: ChromiumTab) => void | Promise<void>
}

const wholeFile = sha256(madeUp(FILE, SIZE))
const json = (value: unknown) => ({ kind: 'body', type: 'application/json', body: JSON.stringify(value) }) as const

const CASES: Readonly<Record<string, Case>> = {
  'nothing is wrong': {},
  'no manifest': { fault: (site) => site.setFault(MANIFEST, { kind: 'status', status: 404 }) },
  'a manifest that is not JSON': {
    fault: (site) => site.setFault(MANIFEST, { kind: 'body', type: 'application/json', body: '{"version": 1,' }),
  },
  'a manifest of another form': {
    fault: (site) => site.setFault(MANIFEST, json({ version: 1, swarms: [{ files: 7 }] })),
  },
  'a manifest that does not arrive': {
    fault: (site) => site.setFault(MANIFEST, { kind: 'stall', afterBytes: 10 }),
  },
  'a manifest of another version of the file': {
    fault: async (site) => {
      const manifest = JSON.stringify(await site.manifest()).replaceAll(String(SIZE), String(SIZE - 1))
      site.setFault(MANIFEST, { kind: 'body', type: 'application/json', body: manifest })
    },
  },
  'no chunk hashes': { fault: (site) => faultHashes(site, { kind: 'status', status: 404 }) },
  'chunk hashes that do not match their digest': {
    fault: (site) => faultHashes(site, { kind: 'body', type: 'application/octet-stream', body: new Uint8Array(3200) }),
  },
  'chunk hashes that do not arrive': { fault: (site) => faultHashes(site, { kind: 'stall', afterBytes: 10 }) },
  'a tracker that refuses': { site: { manifest: { announce: ['ws://127.0.0.1:9/announce'] } } },
  'no mesh script': { fault: (site) => site.setFault('tributary-mesh.js', { kind: 'status', status: 404 }) },
  'a mesh script that does not arrive': {
    fault: (site) => site.setFault('tributary-mesh.js', { kind: 'stall', afterBytes: 10 }),
  },
  'hardly any room to store': { later: (_, tab) => tab.limitStorage(200_000) },
  'the file is gone': { later: (site) => faultFiles(site, { kind: 'status', status: 404 }) },
  'the file fails': { later: (site) => faultFiles(site, { kind: 'status', status: 500 }) },
  'the file breaks off': { later: (site) => faultFiles(site, { kind: 'cut', afterBytes: 1_000_000 }) },
}

test('whatever is missing, the page does what it would do without us', { timeout: 280_000 }, async (t) => {
  const visitor = await openChromium(t)
  const control = await openChromium(t, { serviceWorkers: 'block' })
  for (const [name, { site: options, fault, later }] of Object.entries(CASES)) {
    await t.test(name, { timeout: 40_000 }, async (t) => {
      const site = await openSite(t, { video: true, files: { [FILE]: SIZE }, ...options })
      await fault?.(site)
      const tab = await visitedTab(t, visitor, site)
      await later?.(site, tab)
      await assertSameAsWithoutUs(t, tab, await plainTab(t, control, site))
    })
  }

  await t.test('a tracker that never answers', { timeout: 40_000 }, async (t) => {
    const announce = [await silentTracker(t)]
    const site = await openSite(t, { video: true, files: { [FILE]: SIZE }, manifest: { announce } })
    await assertSameAsWithoutUs(t, await visitedTab(t, visitor, site), await plainTab(t, control, site))
  })

  for (const script of ['tributary.js', 'tributary-sw.js']) {
    await t.test(`no ${script}`, { timeout: 40_000 }, async (t) => {
      const site = await openSite(t, { video: true, files: { [FILE]: SIZE } })
      site.setFault(script, { kind: 'status', status: 404 })
      const tab = await plainTab(t, visitor, site)
      await assertSameAsWithoutUs(t, tab, await plainTab(t, control, site))
    })
  }
})

test('where IndexedDB is refused, the page works and memory takes its place', { timeout: 60_000 }, async (t) => {
  const profile = await makeScratch(t, 'refused')
  await mkdir(join(profile, 'Default'))
  // A file where the browser wants its folder: opening any database fails.
  await writeFile(join(profile, 'Default', 'IndexedDB'), '')
  const site = await openSite(t, { video: true, files: { [FILE]: SIZE } })
  const tab = await visitedTab(t, await openChromium(t, { profile }), site)
  const opened = await tab.evaluate(
    () =>
      new Promise<string>((resolve) => {
        const request = indexedDB.open('probe')
        request.onsuccess = () => resolve('opened')
        request.onerror = () => resolve('refused')
      }),
  )
  assert.equal(opened, 'refused')
  await assertSameAsWithoutUs(t, tab, await plainTab(t, await openChromium(t, { serviceWorkers: 'block' }), site))
})

test('an incognito window works', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { video: true, files: { [FILE]: SIZE } })
  const tab = await visitedTab(t, await openIncognito(t), site)
  await assertSameAsWithoutUs(t, tab, await plainTab(t, await openChromium(t, { serviceWorkers: 'block' }), site))
  await ask(tab, FILE)
  assert.ok((await statsOf(tab)).bytes.cache >= SIZE, 'the second time it comes from the cache')
})

test('a private window of Firefox works', { timeout: 90_000 }, async (t) => {
  const site = await openSite(t, { video: true, files: { [FILE]: SIZE } })
  const privately = await openFirefox(t, { preferences: { 'browser.privatebrowsing.autostart': true } })
  const tab = await privately.tab()
  await visit(tab, site)
  const control = await (await openFirefox(t, { preferences: { 'dom.serviceWorkers.enabled': false } })).tab()
  await control.goto(site.url)
  await assertSameAsWithoutUs(t, tab, control)
})

async function visitedTab(owner: Owner, chromium: Chromium, site: Site): Promise<ChromiumTab> {
  const tab = await chromium.tab()
  owner.after(() => tab.close())
  const { worker } = await visit(tab, site)
  assert.equal(worker, 'active')
  return tab
}

async function plainTab(owner: Owner, chromium: Chromium, site: Site): Promise<ChromiumTab> {
  const tab = await chromium.tab()
  owner.after(() => tab.close())
  await tab.goto(site.url)
  return tab
}

/** Fetches and plays in both tabs, one after the other. */
async function assertSameAsWithoutUs(t: TestContext, tab: Tab, control: Tab): Promise<void> {
  const expected = await ask(control, FILE)
  const actual = await ask(tab, FILE)
  assert.equal(actual.status, expected.status)
  assert.equal(actual.headers['content-type'], expected.headers['content-type'])
  // Where the origin breaks off, going on from there is better than failing; a wrong or short success never is.
  if (expected.failure === undefined || actual.failure === undefined)
    assert.equal(actual.sha256, expected.sha256 ?? wholeFile)
  assert.ok(actual.ms <= expected.ms + LATER_MS, `fetched in ${actual.ms} ms, ${expected.ms} ms without us`)

  const [shown, expectedShown] = [await firstSeconds(tab), await firstSeconds(control)]
  assert.equal(shown.outcome, expectedShown.outcome)
  assert.ok(shown.ms <= expectedShown.ms + LATER_MS, `shown after ${shown.ms} ms, ${expectedShown.ms} ms without us`)
  t.diagnostic(
    `fetch ${actual.ms.toFixed()} ms (${expected.ms.toFixed()}), frame ${shown.ms.toFixed()} ms (${expectedShown.ms.toFixed()})`,
  )
}

/** Plays the first seconds of the video. @returns what came of it, and when the first frame was there or the error came */
async function firstSeconds(tab: Tab): Promise<{ outcome: string; ms: number }> {
  const startedAt = performance.now()
  const failure = await startVideo(tab, VIDEO, 4).then(
    () => undefined,
    (error) => (/media error \d/.exec(String(error)) ?? [String(error)])[0],
  )
  const ms = performance.now() - startedAt
  if (failure !== undefined) return { outcome: failure, ms }
  const { wrongFrames, error } = await watchUntil(tab, 3, 10_000)
  await tab.evaluate(() => window.kit.player.stop())
  return { outcome: error ?? (wrongFrames.length === 0 ? 'plays' : `wrong frames: ${wrongFrames}`), ms }
}

function faultFiles(site: Site, fault: Fault): void {
  for (const path of [FILE, VIDEO]) site.setFault(path, fault)
}

async function faultHashes(site: Site, fault: Fault): Promise<void> {
  for (const { hashes } of (await site.manifest()).swarms) site.setFault(hashes, fault)
}

/** A server that accepts connections and says nothing. */
async function silentTracker(owner: Owner): Promise<string> {
  const server = createServer()
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `ws://127.0.0.1:${address.port}/announce`
}
