import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openSite } from '../harness/site.ts'
import { ask, statsOf, visit } from '../harness/visit.ts'

const FILE = 'large.bin'
const VISITORS = 3
/** Without each other the origin sends the file to each of them. They meet while the first bytes come. */
const MOST_FROM_ORIGIN = 2

test('visitors who download at once get different parts from the origin, and the rest from each other', {
  timeout: 120_000,
}, async (t) => {
  const site = await openSite(t, { files: { [FILE]: 12 * MiB }, egress: 1 * MiB })
  const file = await readFile(join(site.dir, FILE))
  const tabs = []
  for (let i = 0; i < VISITORS; i++) tabs.push(await (await openChromium(t)).tab())
  for (const tab of tabs) await visit(tab, site)
  const answers = await Promise.all(tabs.map((tab) => ask(tab, FILE)))
  const wanted = createHash('sha256').update(file).digest('hex')
  for (const { sha256 } of answers) assert.equal(sha256, wanted)
  const sent = site.bytesOf(FILE) / file.length
  const all = await Promise.all(tabs.map(statsOf))
  t.diagnostic(`the origin sent ${sent.toFixed(2)} files; ${all.map(({ bytes }) => bytes.peers).join(', ')} from peers`)
  assert.ok(sent <= MOST_FROM_ORIGIN, `the origin sent ${sent} files to ${VISITORS} visitors`)
  for (const { bytes } of all) assert.ok(bytes.peers > 0)
})
