import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Mesh } from '../../mesh/mesh.ts'
import { openMesh } from '../../seeder/node-mesh.ts'
import { openChromium } from '../harness/chromium.ts'
import { described } from '../harness/described.ts'
import { openSite } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'
import { ask, untilStored, visit } from '../harness/visit.ts'

// A visitor's page is a peer like any other: it tells what its swarms are about.

const FILE = 'files/shared.bin'
const SIZE = 3_000_000

async function clientOf(t: TestContext, network: string, tracker: string): Promise<Mesh> {
  const client = await openMesh({ network })
  t.after(() => client.close())
  client.join({ trackers: [tracker] })
  return client
}

test('with only an info hash, a client gets the description and a chunk from a page alone', {
  timeout: 90_000,
}, async (t) => {
  const tracker = await openTracker(t)
  const site = await openSite(t, { files: { [FILE]: SIZE }, manifest: { announce: [tracker.url] } })
  const [swarm] = (await site.manifest()).swarms
  assert.ok(swarm?.torrent !== undefined)
  const { infoHash, torrent, chunkSize } = swarm
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  await ask(tab, FILE)
  await untilStored(tab, FILE)
  assert.equal(site.requestsOf(torrent).length, 0, 'nobody has asked for it yet')

  const network = new URL(site.url).origin
  const first = await clientOf(t, network, tracker.url)
  const told = await described(first, infoHash)
  assert.deepEqual(told.files, [{ path: 'shared.bin', size: SIZE }])
  assert.equal(told.chunkSize, chunkSize)
  assert.deepEqual(told.hashes, new Uint8Array(await (await fetch(site.at(swarm.hashes))).arrayBuffer()))

  // From here on the page is all that is left of the site.
  await site.stop()
  const second = await clientOf(t, network, tracker.url)
  const retold = await described(second, infoHash)
  second.open(retold)
  const chunk = Math.floor(SIZE / chunkSize)
  const got = await second.get(infoHash, chunk, 15_000)
  const whole = await readFile(join(site.dir, FILE))
  assert.ok(got && Buffer.from(got).equals(whole.subarray(chunk * chunkSize)))
  assert.equal(site.requestsOf(torrent).length, 1)
})
