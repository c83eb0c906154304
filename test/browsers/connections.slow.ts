import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { leanSimplePeer } from '../../page-bridge/stand-ins/esbuild.mjs'
import { openChromium } from '../harness/chromium.ts'
import type {} from '../harness/page/connections-page.ts' // declares window.connections
import { openSite, type Site } from '../harness/site.ts'

/** Twice as many as Chromium lets a page have at the same time. */
const PAIRS = 1_000
const AT_ONCE = 100
/** The browser frees what is unreachable when it likes; some of the last ones may still be on their way. */
const MOST_KEPT = 20

async function openConnectionsSite(t: TestContext): Promise<Site> {
  const { outputFiles } = await build({
    ...leanSimplePeer,
    entryPoints: [fileURLToPath(new URL('../harness/page/connections-page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
  })
  const page = '<!doctype html><title>Connections</title><script src="/connections-page.js"></script>'
  const files = { 'connections.html': page, 'connections-page.js': outputFiles[0]?.text ?? '' }
  return await openSite(t, { inject: false, files })
}

test(`a page that has had ${PAIRS} pairs of connections has none of them left`, { timeout: 1_800_000 }, async (t) => {
  const site = await openConnectionsSite(t)
  const tab = await (await openChromium(t)).tab()
  await tab.goto(site.at('connections.html'))
  for (let done = AT_ONCE; done <= PAIRS; done += AT_ONCE) {
    await tab.evaluate((pairs) => window.connections.run(pairs), AT_ONCE)
    const count = await tab.evaluate(() => window.connections.count())
    t.diagnostic(`after ${done} pairs: ${JSON.stringify(count)}`)
    assert.deepEqual([count.made, count.open], [done * 2.25, 0])
  }
  await tab.collectGarbage()
  const { kept } = await tab.evaluate(() => window.connections.count())
  assert.ok(kept <= MOST_KEPT, `${kept} are kept`)
})
