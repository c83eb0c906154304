import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import {
  assertNoStall,
  assertPlayedThrough,
  assertRightFrames,
  setRate,
  startVideo,
  watchToEnd,
  watchUntil,
} from '../harness/video.ts'
import { ask, statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'

test('a video plays on when the worker is killed, again and again', { timeout: 120_000 }, async (t) => {
  // Slow enough that the video is still on its way each time.
  const site = await openSite(t, { video: true, egress: 2 * MiB })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await startVideo(tab, VIDEO, 4)
  for (const seconds of [10, 20, 30, 40, 60]) {
    await watchUntil(tab, seconds)
    await tab.killWorkers()
  }
  assertPlayedThrough(await watchToEnd(tab))
})

test('the tab that hosts the mesh is closed while another tab plays', { timeout: 180_000 }, async (t) => {
  const site = await openSite(t, { video: true })
  const other = await (await openChromium(t)).tab()
  await visit(other, site)
  await ask(other, VIDEO)
  await untilStored(other, VIDEO)

  const visitor = await openChromium(t)
  const leader = await visitor.tab()
  await visit(leader, site)
  const tab = await visitor.tab()
  await visit(tab, site)
  // An origin that can only just carry the video alone.
  site.setEgress(0.6 * MiB)
  await startVideo(tab, VIDEO, 1)
  await untilPeers(tab)
  const before = await watchUntil(tab, 3)
  await leader.close()
  const closed = await statsOf(tab)
  await setRate(tab, 2)
  const watched = await watchUntil(tab, 50)
  assertRightFrames(before)
  assertRightFrames(watched)
  assert.ok(watched.currentTime >= 50, `it plays on; it stands at ${watched.currentTime}`)
  assertNoStall(watched)
  const after = await statsOf(tab)
  t.diagnostic(`from peers before ${closed.bytes.peers}, after ${after.bytes.peers}, origin ${after.bytes.origin}`)
  assert.ok(after.bytes.peers > closed.bytes.peers, 'peers bring chunks to the tab that took over')
})
