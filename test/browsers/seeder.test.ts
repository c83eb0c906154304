import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openSeeder } from '../harness/seeding.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import { assertPlayedThrough, startVideo, watchToEnd } from '../harness/video.ts'
import { ask, statsOf, untilStored, visit } from '../harness/visit.ts'

/** The origin brings the start, until the connection stands; of the rest a visitor gets this part from the seeder. */
const START = 2 * MiB
const PART_FROM_SEEDER = 0.75

test('the first visitor of a site gets the video from the seeder', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { video: true })
  const film = await readFile(join(site.dir, VIDEO))
  const { seeder } = await openSeeder(t, site, { manifestFolders: [site.dir, join(site.dir, '..', 'manifest')] })
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await startVideo(tab, VIDEO, 4)
  assertPlayedThrough(await watchToEnd(tab))

  const { bytes } = await statsOf(tab)
  const { uploaded } = seeder.stats()
  t.diagnostic(
    `peers ${bytes.peers}, origin ${bytes.origin}; the seeder sent ${uploaded}, the origin ${site.bytesOf(VIDEO)}`,
  )
  assert.ok(bytes.peers >= PART_FROM_SEEDER * (film.length - START), `the seeder brought ${bytes.peers} bytes`)
  assert.ok(uploaded >= bytes.peers, `the seeder counted ${uploaded} of ${bytes.peers} bytes`)

  await untilStored(tab, VIDEO)
  const sent = site.bytesOf(VIDEO)
  const { sha256 } = await ask(tab, VIDEO)
  assert.equal(sha256, createHash('sha256').update(film).digest('hex'))
  assert.equal(site.bytesOf(VIDEO), sent, 'what was stored is what is read')
})
