import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MANIFEST_NAME, parseManifest } from '../../protocol/manifest.ts'
import { MiB } from '../../protocol/units.ts'
import { openEdge } from '../../test/harness/edge.ts'
import { openHostilePeer } from '../../test/harness/hostile-peer.ts'
import { fetchAll, openNodePeer, untilOffered } from '../../test/harness/node-peer.ts'
import { eventually } from '../../test/harness/poll.ts'
import { madeUp, openSite, type Site } from '../../test/harness/site.ts'
import { loadNodeTransport } from '../node-transport.ts'
import { Seeder } from '../seeder.ts'

const FILM = 'film.bin'
const film = Buffer.from(madeUp(FILM, 6 * MiB))
const makeTransport = await loadNodeTransport()

const trackerOf = (site: Site) => `${site.url.replace('http', 'ws')}announce`

async function swarmOf(site: Site) {
  const manifest = parseManifest(await (await fetch(site.at(MANIFEST_NAME))).json())
  const [swarm] = manifest.swarms
  assert.ok(swarm)
  return { swarm, hashes: new Uint8Array(await (await fetch(site.at(swarm.hashes))).arrayBuffer()) }
}

/** A peer that fetches everything from whoever offers it. */
async function fetchFromPeers(t: TestContext, site: Site): Promise<Buffer> {
  const { swarm, hashes } = await swarmOf(site)
  const driver = (await openNodePeer(t, [trackerOf(site)])).join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  const chunks = await fetchAll(driver, swarm.chunkCount)
  return Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array()))
}

async function openFileSeeder(t: TestContext, site: Site): Promise<void> {
  const { dir, url } = site
  const manifestFolders = [dir, `${dir}/../manifest`]
  const seeder = await Seeder.start({
    root: dir,
    manifestFolders,
    announce: [],
    origin: url,
    makeTransport,
    log: () => {},
  })
  t.after(() => seeder.close(0))
}

test('an edge fetches from peers what a slow origin leaves to them', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  await openFileSeeder(t, site)
  site.setEgress(200 * 1024)
  const { edge, bytes } = await openEdge(t, site.url, { makeTransport })
  assert.ok((await bytes(FILM)).equals(film))
  const { swarms, peers } = await edge.stats()
  const [{ bytes: from } = { bytes: { origin: 0, peers: 0, cache: 0 } }] = swarms
  assert.ok(from.peers > 3 * MiB, `${from.peers} bytes from peers, ${from.origin} from the origin`)
  assert.equal(peers, 1)
})

test('what it has, it serves to peers, after a restart as soon as one comes', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  const first = await openEdge(t, site.url, { makeTransport })
  await first.bytes(FILM)
  assert.ok((await fetchFromPeers(t, site)).equals(film))
  await first.edge.close(2_000)
  const { edge } = await openEdge(t, site.url, { makeTransport, folder: first.folder })
  const { joined, awake } = await edge.stats()
  assert.deepEqual([joined, awake], [1, 0])
  assert.ok((await fetchFromPeers(t, site)).equals(film))
  const stats = await edge.stats()
  assert.deepEqual([stats.uploaded, stats.awake], [film.length, 1])
  assert.equal(site.bytesOf(FILM), film.length)
})

test('a peer that lies is banned, and nobody sees its bytes', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  const { swarm } = await swarmOf(site)
  await openHostilePeer(t, { site, swarm, lies: () => true })
  site.setEgress(MiB)
  const { edge, bytes } = await openEdge(t, site.url, { makeTransport })
  assert.ok((await bytes(FILM)).equals(film))
  await eventually(
    async () => (await edge.stats()).banned,
    (banned) => banned > 0,
  )
})

test('a tracker that is away changes nothing but the log', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  const announce = ['ws://127.0.0.1:9/announce']
  const { bytes, logged } = await openEdge(t, site.url, { makeTransport, announce })
  assert.ok((await bytes(FILM)).equals(film))
  await eventually(
    () => logged.filter(({ message }) => message.startsWith('the tracker cannot be reached')).length,
    (count) => count === 1,
  )
})

test('joined to all swarms, an edge fetches what its first peer asks for', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film, 'other.bin': 2 * MiB } })
  const { edge } = await openEdge(t, site.url, { makeTransport, joinAll: true, http: undefined })
  assert.equal((await edge.stats()).joined, 2)
  assert.ok((await fetchFromPeers(t, site)).equals(film))
  assert.deepEqual([site.bytesOf(FILM), site.bytesOf('other.bin')], [film.length, 0])
})
