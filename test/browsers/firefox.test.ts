import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { clickLink, savedFile } from '../harness/downloads.ts'
import { openFirefox } from '../harness/firefox.ts'
import { sha256OfFile } from '../harness/hash.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import {
  assertPlayedThrough,
  assertRightFrames,
  assertSoughtTo,
  seekVideo,
  startVideo,
  watchToEnd,
  watchUntil,
} from '../harness/video.ts'
import { ask, statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'

const FROM_CHROMIUM = 'files/from chromium.bin'
const LARGE = 'files/large.bin'

/** Firefox kills a worker that nobody talks to after 30 s. */
const LONG_MS = 34_000
const LARGE_SIZE = 16 * MiB

test('Firefox', { timeout: 280_000 }, async (t) => {
  const site = await openSite(t, { video: true, files: { [FROM_CHROMIUM]: 12 * MiB, [LARGE]: LARGE_SIZE } })
  const firefox = await openFirefox(t)
  const tab = await firefox.tab()
  const { worker } = await visit(tab, site)
  assert.equal(worker, 'active')
  const { size } = await stat(join(site.dir, VIDEO))

  await t.test('plays, and shows the right frame after a jump', async () => {
    await startVideo(tab, VIDEO, 4)
    assertRightFrames(await watchUntil(tab, 10))
    const sought = await seekVideo(tab, 0.8)
    assertSoughtTo(sought, 0.8 * 84)
    assert.equal((await watchToEnd(tab)).ended, true)
  })

  await t.test('plays from start to end, the origin sends nothing twice', async (t) => {
    await startVideo(tab, VIDEO, 4)
    assertPlayedThrough(await watchToEnd(tab))
    await untilStored(tab, VIDEO)
    t.diagnostic(`the origin sent ${(site.bytesOf(VIDEO) / size).toFixed(3)} of the video`)
    assert.ok(site.bytesOf(VIDEO) <= 1.1 * size, `the origin sent ${site.bytesOf(VIDEO)} of ${size}`)
  })

  await t.test('exchanges chunks with Chromium, both ways', async (t) => {
    const chromium = await openChromium(t)
    const other = await chromium.tab()
    await visit(other, site)
    assert.equal((await ask(other, FROM_CHROMIUM)).failure, undefined)
    await untilStored(other, FROM_CHROMIUM)
    // Fast enough to start, too slow to bring all of it before a peer does.
    site.setEgress(1 * MiB)
    await startVideo(other, VIDEO, 4)
    await untilPeers(other)
    assertRightFrames(await watchUntil(other, 40))
    const received = (await statsOf(other)).bytes.peers
    const answer = await ask(tab, FROM_CHROMIUM)
    assert.equal(answer.sha256, await sha256OfFile(join(site.dir, FROM_CHROMIUM)))
    const sent = (await statsOf(tab)).bytes.peers
    t.diagnostic(`Chromium got ${received} bytes from Firefox, Firefox ${sent} from Chromium`)
    assert.ok(received > 4 * MiB)
    assert.ok(sent > 4 * MiB)
  })

  await t.test('downloads for longer than an unattended worker lives', async (t) => {
    const egress = LARGE_SIZE / (LONG_MS / 1000)
    site.setEgress(egress)
    const startedAt = Date.now()
    await clickLink(tab, LARGE, { download: 'large file.bin' })
    const file = await savedFile(firefox.downloads, 'large file.bin', 2 * LONG_MS)
    const ms = Date.now() - startedAt
    t.diagnostic(`it took ${(ms / 1000).toFixed(1)} s`)
    assert.deepEqual(file, {
      name: 'large file.bin',
      sha256: await sha256OfFile(join(site.dir, LARGE)),
      failure: undefined,
    })
    assert.ok(ms > 30_000)
    await untilStored(tab, LARGE)
  })
})
