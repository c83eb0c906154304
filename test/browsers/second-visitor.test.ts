import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'
import {
  assertPlayedThrough,
  assertSoughtTo,
  seekVideo,
  setRate,
  startVideo,
  watchToEnd,
  watchUntil,
} from '../harness/video.ts'
import { statsOf, untilStored, visit } from '../harness/visit.ts'

/** The origin brings the start, at once; of the rest a visitor who is not alone gets this part from others. */
const START = 2 * MiB
const PART_FROM_PEERS = 0.9

test('a second visitor gets the video from the first', { timeout: 240_000 }, async (t) => {
  const site = await openSite(t, { video: true })
  const { size } = await stat(join(site.dir, VIDEO))
  const first = await (await openChromium(t)).tab()
  await visit(first, site)
  await startVideo(first, VIDEO, 8)
  await watchToEnd(first)
  await untilStored(first, VIDEO)

  await t.test('played from start to end', async (t) => {
    const tab = await (await openChromium(t)).tab()
    await visit(tab, site)
    const before = site.bytesOf(VIDEO)
    await startVideo(tab, VIDEO, 4)
    assertPlayedThrough(await watchToEnd(tab))
    const bytes = await assertFromPeers(t, tab, site.bytesOf(VIDEO) - before)
    assert.ok(bytes.peers + bytes.origin >= size, 'the counters cover the whole video')
  })

  await t.test('with a jump to four fifths', async (t) => {
    const tab = await (await openChromium(t)).tab()
    await visit(tab, site)
    const before = site.bytesOf(VIDEO)
    await startVideo(tab, VIDEO)
    const early = await watchUntil(tab, 4)
    assert.ok(early.currentTime >= 4, `the time advances; it is ${early.currentTime}`)
    const sought = await seekVideo(tab, 0.8)
    await setRate(tab, 4)
    assertSoughtTo(sought, 0.8 * early.duration)
    t.diagnostic(`first frame after the jump: ${Math.round(sought.ms)} ms`)
    assertPlayedThrough(await watchToEnd(tab))
    await assertFromPeers(t, tab, site.bytesOf(VIDEO) - before)
  })
})

/** Compares the visitor's own counters with the origin's. @returns the visitor's */
async function assertFromPeers(t: TestContext, tab: Tab, originSent: number) {
  const { bytes } = await statsOf(tab)
  const beyond = Math.max(0, bytes.peers + bytes.origin - START)
  t.diagnostic(`peers ${bytes.peers}, origin ${bytes.origin} by the visitor's count, ${originSent} by the origin's`)
  assert.ok(
    bytes.peers >= PART_FROM_PEERS * beyond,
    `peers brought ${bytes.peers} of the ${beyond} bytes after the start`,
  )
  assert.ok(
    originSent <= START + (1 - PART_FROM_PEERS) * beyond,
    `the origin sent ${originSent} of ${bytes.peers + bytes.origin}`,
  )
  return bytes
}
