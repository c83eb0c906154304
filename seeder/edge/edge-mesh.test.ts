import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MANIFEST_NAME, parseManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../../protocol/units.ts'
import { openEdge } from '../../test/harness/edge.ts'
import { openHostilePeer } from '../../test/harness/hostile-peer.ts'
import { fetchAll, offeredTo, openNodePeer, untilOffered } from '../../test/harness/node-peer.ts'
import { eventually } from '../../test/harness/poll.ts'
import { madeUp, openSite, type Site } from '../../test/harness/site.ts'
import { loadNodeTransport } from '../node-transport.ts'
import { Seeder } from '../seeder.ts'

const FILM = 'film.bin'
const film = Buffer.from(madeUp(FILM, 6 * MiB))
const makeTransport = await loadNodeTransport()

const trackerOf = (site: Site) => `${site.url.replace('http', 'ws')}announce`

async function swarmOf(site: Site, name = FILM) {
  const manifest = parseManifest(await (await fetch(site.at(MANIFEST_NAME))).json())
  const swarm = manifest.swarms.find(({ files }) => files.some(({ path }) => path === name))
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

test('a peer that lies is banned once, and nobody sees its bytes', { timeout: 60_000 }, async (t) => {
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
  assert.equal((await edge.stats()).banned, 1)
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

/** An edge that is full: `rare` and `common` were not asked for longest, and a peer has the latter, too. */
async function openFullEdge(t: TestContext) {
  const fillers = Array.from({ length: 14 }, (_, i) => `filler-${i}.bin`)
  const sizes = [['rare.bin', 4], ['common.bin', 8], ...fillers.map((name) => [name, 4])] as const
  const site = await openSite(t, { files: Object.fromEntries(sizes.map(([name, size]) => [name, Number(size) * MiB])) })
  const { edge, bytes, get } = await openEdge(t, site.url, { makeTransport, cacheSize: 64 * MiB })
  const readAll = async (names: readonly string[]) => {
    for (const name of names) {
      await bytes(name)
      await eventually(
        async () => (await edge.stats()).store.pending,
        (pending) => pending === 0,
      )
    }
  }
  await readAll(['rare.bin', 'common.bin', ...fillers.slice(0, 13)])
  const peer = await openNodePeer(t, [trackerOf(site)])
  const join = async (name: string) => {
    const { swarm, hashes } = await swarmOf(site, name)
    const driver = peer.join(swarm, hashes)
    await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
    return { driver, swarm }
  }
  return { edge, get, site, join, overflow: () => readAll(fillers.slice(13)) }
}

test('what is given up is what others have, and peers are told', { timeout: 60_000 }, async (t) => {
  const { edge, get, site, join, overflow } = await openFullEdge(t)
  const { driver, swarm } = await join('common.bin')
  const rare = await join('rare.bin')
  const everything = { first: 0 as ChunkIndex, after: swarm.chunkCount as ChunkIndex }
  driver.stored(everything)
  await overflow()
  assert.equal((await edge.stats()).store.evictedBytes, 8 * MiB)
  const isHit = async (name: string) => {
    const response = await get(name, { range: 'bytes=0-0' })
    await response.arrayBuffer()
    return response.headers.get('cache-status') === 'tributary; hit'
  }
  assert.deepEqual([await isHit('rare.bin'), await isHit('filler-0.bin')], [true, true])
  assert.equal(site.bytesOf('rare.bin'), 4 * MiB, 'it was not fetched again')
  await eventually(
    () => offeredTo(driver, swarm.chunkCount).length,
    (offered) => offered === 0,
  )
  assert.equal(offeredTo(rare.driver, rare.swarm.chunkCount).length, rare.swarm.chunkCount)
})
