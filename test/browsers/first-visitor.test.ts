import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChromium } from '../harness/chromium.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import { assertPlayedThrough, startVideo, watchToEnd } from '../harness/video.ts'
import { visit } from '../harness/visit.ts'

test('a first visitor plays to the end without a stall, and the origin sends the video once', {
  timeout: 120_000,
}, async (t) => {
  const site = await openSite(t, { video: true })
  const { size } = await stat(join(site.dir, VIDEO))
  const tab = await (await openChromium(t)).tab()
  const state = await visit(tab, site)
  assert.equal(state.worker, 'active')

  await startVideo(tab, VIDEO, 8)
  assertPlayedThrough(await watchToEnd(tab))
  const ratio = site.bytesOf(VIDEO) / size
  t.diagnostic(`the origin sent ${ratio.toFixed(4)} of the video in ${site.requestsOf(VIDEO).length} requests`)
  assert.ok(ratio <= 1.02, `the origin sent ${ratio} times the video`)
})
