import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site, VIDEO } from '../harness/site.ts'
import { startVideo } from '../harness/video.ts'
import { ask, visit } from '../harness/visit.ts'

const FILE = 'files/large.bin'

/** What is on its way when a reader stops: its read-ahead, and what the sockets hold. */
const ON_ITS_WAY = 12 * MiB

test('a reader that stops stops the origin', { timeout: 120_000 }, async (t) => {
  const chromium = await openChromium(t)

  await t.test('a cancelled fetch', async (t) => {
    // Unlimited, all that is asked for may rest in a receiving socket, which grows to 32 MiB, before anybody has read it.
    const site = await openSite(t, { files: { [FILE]: 48 * MiB }, egress: 16 * MiB })
    const tab = await chromium.tab()
    await visit(tab, site)
    await ask(tab, FILE, { cancelAfter: 262_144 })
    await assertQuiet(site, FILE)
    assert.ok(site.bytesOf(FILE) < ON_ITS_WAY, `the origin sent ${site.bytesOf(FILE)}`)
  })

  await t.test('a video that is taken away', async (t) => {
    const site = await openSite(t, { video: true, egress: 4 * MiB })
    const tab = await chromium.tab()
    await visit(tab, site)
    await startVideo(tab, VIDEO)
    await tab.evaluate(() => window.kit.player.stop())
    const sent = await assertQuiet(site, VIDEO)
    assert.ok(sent < ON_ITS_WAY, `the origin sent ${sent}`)
  })
})

/** Waits until the origin sends nothing more of a file. @returns the bytes it sent in all */
async function assertQuiet(site: Site, path: string): Promise<number> {
  let last = { sent: -1, at: Date.now() }
  await eventually(
    () => {
      const sent = site.bytesOf(path)
      if (sent !== last.sent) last = { sent, at: Date.now() }
      return { sent, quietMs: Date.now() - last.at }
    },
    ({ quietMs }) => quietMs > 1_500,
    20_000,
  )
  return last.sent
}
