import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { KiB, MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { manifestOf, openSeeder, openSeedSite } from '../harness/seeding.ts'
import { madeUp, openSite, type Site } from '../harness/site.ts'
import { ask, statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'
import { openStockClient } from './stock-client.ts'

// A stock WebTorrent client takes part in our swarms like any of us. It knows nothing of padding files (BEP 47): they are
// files like others to it, which it asks of peers and offers to them.

type Files = Readonly<Record<string, Uint8Array>>

const FILM: Files = { 'film.bin': madeUp('film', 6 * MiB + 777) }

const SIZES = [2_000_001, 1, 1_500_000, 32_768, 900_000, 40_000, 5, 777_777, 300_000, 65_537, 500_000]
const GAME: Files = Object.fromEntries(
  SIZES.map((size, i) => {
    const path = `game/${i % 3}/${i}.bin`
    return [path, madeUp(path, size)]
  }),
)

/** So slow an origin (bytes a second) that peers are worth waiting for. */
const EGRESS = 256 * KiB
/** A download begins at the origin, each file of a bundle anew. */
const START_BYTES = 128 * KiB

const cases = [
  { name: 'a file', files: FILM, bundles: [] },
  { name: 'a bundle', files: GAME, bundles: ['game/**'] },
]

for (const { name, files, bundles } of cases) {
  test(`a stock WebTorrent client downloads ${name} from our seeder`, { timeout: 60_000 }, async (t) => {
    const manifest = ['--min-size', '1', ...bundles.flatMap((glob) => ['--bundle', glob])]
    const site = await openSeedSite(t, files, { manifest })
    const { seeder } = await openSeeder(t, site)
    const { swarms } = await manifestOf(site.dir)
    const client = await openStockClient(t)
    const { hashes } = await client.download(new URL(swarms[0]?.torrent ?? '', site.url).href, site.tracker)
    assert.deepEqual(withoutPadding(hashes), hashesOf(files))
    await eventually(
      () => seeder.stats().uploaded,
      (uploaded) => uploaded >= sizeOf(files),
    )
    for (const path of Object.keys(files)) assert.equal(site.server.metrics.bytesOf(`/${path}`), 0)
  })

  test(`a stock WebTorrent client downloads ${name} from our visitor, and our next visitor from it`, {
    timeout: 90_000,
  }, async (t) => {
    const site = await openSite(t, { files, manifest: { bundles } })
    await stockFromVisitor(t, site, files)
    site.setEgress(EGRESS)
    await visitorFromStock(t, site, files)
  })
}

/** Leaves the stock client as the only peer. */
async function stockFromVisitor(t: TestContext, site: Site, files: Files): Promise<void> {
  const browser = await openChromium(t)
  const tab = await browser.tab()
  await visit(tab, site)
  for (const path of Object.keys(files)) await ask(tab, path)
  for (const path of Object.keys(files)) await untilStored(tab, path)
  const before = sentOf(site, files)
  const { swarms } = await site.manifest()
  assert.equal(swarms.length, 1)
  const client = await openStockClient(t)
  const tracker = `${site.url.replace('http', 'ws')}announce`
  const { received, hashes } = await client.download(site.at(swarms[0]?.torrent ?? ''), tracker)
  assert.deepEqual(withoutPadding(hashes), hashesOf(files))
  assert.equal(sentOf(site, files), before, 'nothing came from the origin')
  const { bytes } = await eventually(
    () => statsOf(tab),
    ({ bytes }) => bytes.uploaded >= sizeOf(files),
  )
  t.diagnostic(`the stock client received ${received} bytes, our visitor counted ${bytes.uploaded}`)
  await browser.close()
}

async function visitorFromStock(t: TestContext, site: Site, files: Files): Promise<void> {
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  const before = sentOf(site, files)
  const [first = '', ...others] = Object.keys(files)
  const expected = hashesOf(files)
  const asked = ask(tab, first)
  await untilPeers(tab)
  assert.equal((await asked).sha256, expected[first])
  for (const path of others) assert.equal((await ask(tab, path)).sha256, expected[path])
  const { bytes } = await statsOf(tab)
  t.diagnostic(`our visitor got ${bytes.peers} bytes from the stock client, ${bytes.origin} from the origin`)
  const starts = Object.values(files).reduce((sum, { length }) => sum + Math.min(length, START_BYTES), 0)
  const beyond = sizeOf(files) - starts
  assert.ok(bytes.peers >= 0.7 * beyond, `peers brought ${bytes.peers} of ${beyond} bytes beyond the starts`)
  const most = starts + 0.3 * beyond
  assert.ok(sentOf(site, files) - before <= most, `the origin sent ${sentOf(site, files) - before}, at most ${most}`)
}

function sizeOf(files: Files): number {
  return Object.values(files).reduce((sum, { length }) => sum + length, 0)
}

/** Bytes of them that the origin has sent. */
function sentOf(site: Site, files: Files): number {
  return Object.keys(files).reduce((sum, path) => sum + site.bytesOf(path), 0)
}

function hashesOf(files: Files): Record<string, string> {
  const entries = Object.entries(files).map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')])
  return Object.fromEntries(entries)
}

function withoutPadding(hashes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(hashes).filter(([path]) => !path.includes('/.pad/')))
}
