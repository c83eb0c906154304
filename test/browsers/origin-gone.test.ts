import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChromium } from '../harness/chromium.ts'
import { clickLink, saved } from '../harness/downloads.ts'
import { sha256OfFile } from '../harness/hash.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import { assertPlayedThrough, assertSoughtTo, seekVideo, startVideo, watchToEnd } from '../harness/video.ts'
import { untilStored, visit } from '../harness/visit.ts'

test('with the origin gone, what was played once plays and downloads from IndexedDB', {
  timeout: 180_000,
}, async (t) => {
  const site = await openSite(t, { video: true })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await startVideo(tab, VIDEO, 8)
  await watchToEnd(tab)
  await untilStored(tab, VIDEO)
  await site.stop()

  await t.test('plays', async () => {
    await startVideo(tab, VIDEO, 8)
    assertPlayedThrough(await watchToEnd(tab))
  })

  await t.test('plays after the worker was killed, with a jump', async () => {
    await tab.killWorkers()
    await startVideo(tab, VIDEO, 8)
    assertSoughtTo(await seekVideo(tab, 0.5), 42)
    assertPlayedThrough(await watchToEnd(tab))
  })

  await t.test('downloads', async () => {
    const download = await tab.download(() => clickLink(tab, VIDEO, { download: 'film.mp4' }))
    assert.deepEqual(await saved(download), {
      name: 'film.mp4',
      sha256: await sha256OfFile(join(site.dir, VIDEO)),
      failure: undefined,
    })
  })
})
