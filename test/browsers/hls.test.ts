import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { glob } from 'tinyglobby'
import { openChromium } from '../harness/chromium.ts'
import type {} from '../harness/page/hls-page.ts' // declares window.ladder
import type { Owner } from '../harness/scratch.ts'
import { openSite, type Site } from '../harness/site.ts'
import { assertPlayedThrough, watchToEnd, watchUntil } from '../harness/video.ts'
import { ask, statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url))
const hlsScript = createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js')
const pageScript = fileURLToPath(new URL('../harness/page/hls-page.ts', import.meta.url))

/** Bytes a second: enough for the best rendition, little enough to notice what comes from elsewhere. */
const EGRESS = 250_000
/** Until the player has some seconds in its buffer the origin brings its segments: the first ones. */
const START_SEGMENTS = 2

test('hls.js plays a bundled ladder through the worker, its segments from another visitor', {
  timeout: 90_000,
}, async (t) => {
  const { site, segments } = await openLadder(t)
  const sent = () => segments.reduce((sum, path) => sum + site.bytesOf(path), 0)
  const first = await (await openChromium(t)).tab()
  await visit(first, site)
  for (const path of segments) await ask(first, path)
  for (const path of segments) await untilStored(first, path)

  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await ask(tab, 'hls/low/init.mp4') // joins the swarm
  await untilPeers(tab)
  site.setEgress(EGRESS)
  const before = { sent: sent(), peers: (await statsOf(tab)).bytes.peers }
  await tab.evaluate(() => window.ladder.play('/hls/main.m3u8', { rate: 1, ahead: 6 }))
  await watchUntil(tab, 3)
  await tab.evaluate(() => window.ladder.pick('low'))
  assertPlayedThrough(await watchToEnd(tab))

  const loaded = await tab.evaluate(() => window.ladder.segments)
  assert.deepEqual(await tab.evaluate(() => window.ladder.errors), [])
  const [fromOrigin, fromPeers] = [sent() - before.sent, (await statsOf(tab)).bytes.peers - before.peers]
  t.diagnostic(
    `peers ${fromPeers}, origin ${fromOrigin}; ${loaded.map(({ path, ms }) => `${path} ${Math.round(ms)} ms`)}`,
  )
  const renditions = new Set(loaded.map(({ path }) => path.split('/')[1]))
  assert.ok(renditions.size > 1, `of several renditions: ${[...renditions]}`)
  const start = loaded.slice(0, START_SEGMENTS).reduce((sum, { bytes }) => sum + bytes, 0)
  const all = loaded.reduce((sum, { bytes }) => sum + bytes, 0)
  assert.ok(fromPeers >= all - start, `peers brought ${fromPeers} of the ${all - start} bytes after the start`)
  assert.ok(fromOrigin <= start + 4096, `the origin sent ${fromOrigin}, the start has ${start} beside its index`)
  assertFromOrigin(site, 'hls/main.m3u8')
  for (const rendition of renditions) assertFromOrigin(site, `hls/${rendition}/play.m3u8`)
})

/** A playlist is no part of the bundle, and nobody stands between it and the origin. */
function assertFromOrigin(site: Site, playlist: string): void {
  const seen = site.requestsOf(playlist)
  assert.equal(seen.length, 1, playlist)
  assert.equal(seen[0]?.headers.range, undefined)
}

async function openLadder(owner: Owner): Promise<{ site: Site; segments: string[] }> {
  const paths = await glob('hls/**', { cwd: fixtures })
  const ladder = await Promise.all(paths.map(async (path) => [path, await readFile(join(fixtures, path))] as const))
  const bundled = await build({
    entryPoints: [pageScript],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
  })
  const scripts = ['kit.js', 'hls.js', 'hls-page.js'].map((src) => `<script src="/${src}"></script>`)
  const site = await openSite(owner, {
    files: {
      ...Object.fromEntries(ladder),
      'index.html': `<!doctype html><title>HLS</title>${scripts.join('')}`,
      'hls.js': await readFile(hlsScript),
      'hls-page.js': bundled.outputFiles[0]?.text ?? '',
    },
    manifest: { bundles: ['hls/**'] },
  })
  const { swarms } = await site.manifest()
  assert.equal(swarms.length, 1)
  return { site, segments: swarms[0]?.files.map(({ path }) => path) ?? [] }
}
