import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { sha256OfFile } from '../harness/hash.ts'
import { type HostilePeer, openHostilePeer } from '../harness/hostile-peer.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site, VIDEO } from '../harness/site.ts'
import { assertNoStall, assertRightFrames, startVideo, watchUntil } from '../harness/video.ts'
import { ask, statsOf, untilStored, visit } from '../harness/visit.ts'

const FILE = 'files/large.bin'

/** Slow enough for peers to be asked, fast enough to do without them. */
const EGRESS = 4 * MiB

async function swarmOf(site: Site, path: string) {
  const swarm = (await site.manifest()).swarms.find(({ files }) => files.some((file) => file.path === path))
  if (!swarm) throw new Error(`${path} is in no swarm`)
  return swarm
}

test('a peer that sends wrong blocks spoils neither a download nor the store', { timeout: 90_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: 24 * MiB }, egress: EGRESS })
  const liar = await openHostilePeer(t, { site, swarm: await swarmOf(site, FILE), lies: () => true })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  const wanted = await sha256OfFile(join(site.dir, FILE))
  assert.equal((await ask(tab, FILE)).sha256, wanted)
  await assertBanned(t, liar)
  assert.equal((await statsOf(tab)).bytes.peers, 0, 'nothing of what the liar sent counts')
  await untilStored(tab, FILE)
  await site.stop()
  assert.equal((await ask(tab, FILE)).sha256, wanted, 'the store holds the right bytes')
})

test('a peer that lies about one chunk is found out, and a video shows the right frames', {
  timeout: 120_000,
}, async (t) => {
  const site = await openSite(t, { video: true, egress: EGRESS })
  const swarm = await swarmOf(site, VIDEO)
  const liar = await openHostilePeer(t, { site, swarm, lies: (chunk) => chunk % 7 === 3 })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await startVideo(tab, VIDEO, 4)
  const watched = await watchUntil(tab, 45)
  assert.ok(watched.currentTime >= 45, `it plays on; it stands at ${watched.currentTime}`)
  assertRightFrames(watched)
  assertNoStall(watched)
  await assertBanned(t, liar)
})

/** It was connected and believed once, was dropped, and is not let in again though it keeps knocking. */
async function assertBanned(t: TestContext, liar: HostilePeer): Promise<void> {
  assert.equal(liar.mostPeers, 1, 'it was connected')
  assert.ok(liar.asked.size > 0, 'it was asked')
  await eventually(
    () => liar.peers,
    (peers) => peers === 0,
  )
  const { size } = liar.asked
  t.diagnostic(`asked for ${size} chunks before it was banned`)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  assert.equal(liar.peers, 0)
  assert.equal(liar.asked.size, size)
}
