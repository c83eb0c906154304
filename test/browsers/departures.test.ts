import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { sha256 } from '../harness/hash.ts'
import { eventually } from '../harness/poll.ts'
import { madeUp, openSite } from '../harness/site.ts'
import { ask, statsOf, untilStored, visit } from '../harness/visit.ts'

// A visitor who brings chunks to another goes in the middle of it.

const SIZE = 12 * MiB
const EGRESS = 4 * MiB
const ALONE_MS = (1_000 * SIZE) / EGRESS

/** A moment: what is not noticed at once, and a machine that is busy. */
const LATER_MS = 1_200

const WAYS: Readonly<Record<string, (tab: ChromiumTab) => Promise<unknown>>> = {
  'goes to another site': (tab) => tab.goto('about:blank'),
  freezes: (tab) => tab.freeze(),
  'closes the tab': (tab) => tab.close(),
}

test('a download goes on when the visitor who feeds it goes', { timeout: 120_000 }, async (t) => {
  const ways = Object.entries(WAYS)
  const site = await openSite(t, { files: Object.fromEntries(ways.map(([way]) => [`${way}.bin`, SIZE])) })
  const [holder, reader] = [await openChromium(t), await openChromium(t)]
  for (const [way, leave] of ways) {
    await t.test(way, async (t) => {
      const file = `${way}.bin`
      const path = encodeURI(file)
      const [held, tab] = [await holder.tab(), await reader.tab()]
      t.after(() => tab.close())
      site.setEgress(undefined)
      await visit(held, site)
      await ask(held, path)
      await untilStored(held, file)
      await visit(tab, site)
      site.setEgress(EGRESS)
      const before = (await statsOf(tab)).bytes.peers
      const reading = ask(tab, path)
      const fed = await eventually(
        async () => (await statsOf(tab)).bytes.peers - before,
        (bytes) => bytes > MiB,
      )
      await leave(held)
      const { sha256: hash, ms } = await reading
      t.diagnostic(`${Math.round(ms)} ms, ${ALONE_MS} ms from the origin alone; left after ${fed} bytes`)
      assert.equal(hash, sha256(madeUp(file, SIZE)))
      assert.ok(ms < ALONE_MS + LATER_MS, `it took ${ms} ms`)
      if (!held.page.isClosed()) await held.close()
    })
  }
})
