import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { clickLink, saved } from '../harness/downloads.ts'
import { sha256OfFile } from '../harness/hash.ts'
import type { Answer } from '../harness/page/request.ts'
import { openSite, type Site } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'
import { ask, untilStored, visit } from '../harness/visit.ts'

/** An odd length: neither whole chunks nor whole blocks. */
const SIZE = 1_300_001

interface Version {
  readonly etag: string
  readonly modified: string
}

/** All that a page may ask for, and the header fields that ask for it. */
const REQUESTS: Readonly<Record<string, (version: Version) => Record<string, string>>> = {
  'no range': () => ({}),
  'the first byte': () => ({ Range: 'bytes=0-0' }),
  'the last byte': () => ({ Range: 'bytes=-1' }),
  'a suffix': () => ({ Range: 'bytes=-700001' }),
  'a suffix longer than the file': () => ({ Range: `bytes=-${10 * SIZE}` }),
  'an empty suffix': () => ({ Range: 'bytes=-0' }),
  'from the start on': () => ({ Range: 'bytes=0-' }),
  'from the middle on': () => ({ Range: 'bytes=500000-' }),
  'the middle': () => ({ Range: 'bytes=100000-1000000' }),
  'beyond the end': () => ({ Range: `bytes=1000000-${2 * SIZE}` }),
  'after the end': () => ({ Range: `bytes=${SIZE}-` }),
  'far after the end': () => ({ Range: `bytes=${SIZE + 5}-${SIZE + 9}` }),
  'two ranges': () => ({ Range: 'bytes=0-0,5-9' }),
  'no number': () => ({ Range: 'bytes=abc' }),
  'a range backwards': () => ({ Range: 'bytes=9-5' }),
  'another unit': () => ({ Range: 'items=0-5' }),
  'a part, if the tag is this': ({ etag }) => ({ Range: 'bytes=1000-2000', 'If-Range': etag }),
  'a part, if the tag is another': () => ({ Range: 'bytes=1000-2000', 'If-Range': '"another"' }),
  'a part, if the date is this': ({ modified }) => ({ Range: 'bytes=1000-2000', 'If-Range': modified }),
  'a part, if the date is older': () => ({ Range: 'bytes=1000-2000', 'If-Range': 'Thu, 01 Jan 2015 00:00:00 GMT' }),
}

const names = Object.keys(REQUESTS)
const fileOf = (state: string, i: number) => `files/${state}-${i}.bin`

/** What a page's cache state is before it asks, and how it gets there. */
const STATES: Readonly<Record<string, (tab: Tab, path: string) => Promise<void>>> = {
  cold: async () => undefined,
  half: async (tab, path) => {
    const half = SIZE / 2
    await ask(tab, path, { headers: { Range: `bytes=0-${Math.floor(half)}` } })
    await untilStored(tab, path, 0.45)
  },
  full: async (tab, path) => {
    await ask(tab, path)
    await untilStored(tab, path)
  },
}

test('fetch sees what the origin itself would have answered', { timeout: 240_000 }, async (t) => {
  const files = Object.keys(STATES).flatMap((state) => names.map((_, i) => [fileOf(state, i), SIZE] as const))
  const site = await openSite(t, { files: Object.fromEntries(files) })
  const tab = await (await openChromium(t)).tab()
  const control = await (await openChromium(t, { serviceWorkers: 'block' })).tab()
  await visit(tab, site)
  await control.goto(site.url)

  for (const [state, prepare] of Object.entries(STATES)) {
    for (const [i, name] of names.entries()) {
      await t.test(`${state}: ${name}`, async () => {
        const path = fileOf(state, i)
        await prepare(tab, path)
        const headers = REQUESTS[name]?.(await versionOf(control, path)) ?? {}
        const requested = site.requestsOf(path).length
        const [expected, actual] = [await ask(control, path, { headers }), await ask(tab, path, { headers })]
        assert.deepEqual(comparable(actual), comparable(expected))
        // The control's own request apart: what is cached needs no other.
        if (state === 'full' && expected.status !== 416) assert.equal(site.requestsOf(path).length - requested, 1)
      })
    }
  }
})

test('what is long and cached waits for the script that fetches it', { timeout: 60_000 }, async (t) => {
  const path = 'files/long.bin'
  const size = 24 * 2 ** 20
  const site = await openSite(t, { files: { [path]: size } })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await ask(tab, path)
  await untilStored(tab, path)
  const read = await tab.evaluate(async (url) => {
    performance.clearResourceTimings()
    const response = await fetch(url)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    // An entry appears when the browser has taken the last byte.
    const taken = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith(url)).length
    return { taken, length: (await response.arrayBuffer()).byteLength }
  }, `/${path}`)
  assert.deepEqual(read, { taken: 0, length: size })
})

test('links and downloads save the bytes under the name that the origin would have given', {
  timeout: 120_000,
}, async (t) => {
  const states = Object.keys(STATES)
  const kinds = ['download', 'named', 'attachment']
  const files = states.flatMap((state) => kinds.map((kind) => [`files/${kind} ${state}.bin`, SIZE] as const))
  const site = await openSite(t, { files: Object.fromEntries(files) })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)

  for (const [state, prepare] of Object.entries(STATES)) {
    await t.test(`${state}: <a download>`, async () => {
      const path = `files/download ${state}.bin`
      await prepare(tab, path)
      await assertSaved(tab, site, path, { click: { download: '' }, name: `download ${state}.bin` })
    })

    await t.test(`${state}: <a download> with a name`, async () => {
      const path = `files/named ${state}.bin`
      await prepare(tab, path)
      await assertSaved(tab, site, path, { click: { download: 'Straße, "süß".bin' }, name: 'Straße, _süß_.bin' })
    })

    await t.test(`${state}: a plain link to an attachment`, async () => {
      const path = `files/attachment ${state}.bin`
      const disposition = `attachment; filename="from the origin.bin"`
      site.setFault(path, { kind: 'headers', headers: { 'Content-Disposition': disposition } })
      await prepare(tab, path)
      await assertSaved(tab, site, path, { click: {}, name: 'from the origin.bin' })
    })
  }
})

async function versionOf(control: Tab, path: string): Promise<Version> {
  const { headers } = await ask(control, path, { method: 'HEAD' })
  return { etag: headers.etag ?? '', modified: headers['last-modified'] ?? '' }
}

/** What must be the same: all that is not about this one connection or moment. */
function comparable({ status, headers, length, sha256, failure }: Answer) {
  const { date, connection, 'keep-alive': keepAlive, ...rest } = headers
  return { status, headers: rest, length, sha256, failure }
}

interface Expectation {
  /** Attributes of the link. */
  readonly click: Readonly<Record<string, string>>
  readonly name: string
}

async function assertSaved(tab: ChromiumTab, site: Site, path: string, { click, name }: Expectation): Promise<void> {
  assert.equal((await stat(join(site.dir, path))).size, SIZE)
  const download = await tab.download(() => clickLink(tab, path, click))
  const sha256 = await sha256OfFile(join(site.dir, path))
  assert.deepEqual(await saved(download), { name, sha256, failure: undefined })
}
