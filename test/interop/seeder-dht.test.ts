import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Mesh } from '../../mesh/mesh.ts'
import { KiB, MiB } from '../../protocol/units.ts'
import { openMesh } from '../../seeder/node-mesh.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { described } from '../harness/described.ts'
import { openEdge } from '../harness/edge.ts'
import { eventually } from '../harness/poll.ts'
import { openSeeder, openSeedSite, swarmOf } from '../harness/seeding.ts'
import { madeUp } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'

// Seeders and edges in the DHT of their site's visitors, on real WebRTC.

const FILE = 'media/film.bin'
const FILM = madeUp(FILE, 300 * KiB)
const LINKS = 3

/** Clients on a site, who know no swarm of it. */
async function visitors(t: TestContext, network: string, tracker: string): Promise<Mesh[]> {
  const clients = await Promise.all(Array.from({ length: 3 }, () => openMesh({ network, links: LINKS })))
  for (const client of clients) {
    t.after(() => client.close())
    client.join({ trackers: [tracker] })
  }
  return clients
}

/** A site with one file, its tracker, and clients who know nothing of the file. */
async function openScene(t: TestContext, film = FILM) {
  const tracker = await openTracker(t)
  const site = await openSeedSite(t, { [FILE]: film })
  const { swarm } = await swarmOf(site.dir, FILE)
  const clients = await visitors(t, new URL(site.url).origin, tracker.url)
  return { tracker, site, swarm, clients }
}

/** Nobody needs the tracker any more. */
async function settled(clients: readonly Mesh[], others: () => number | Promise<number>): Promise<void> {
  await eventually(
    async () => [await others(), ...clients.map(({ links }) => links.length)],
    (links) => links.every((count) => count >= LINKS - 1),
    20_000,
  )
}

/** All of a swarm, from the info hash on. */
async function everything(client: Mesh, infoHash: Parameters<Mesh['describe']>[0]): Promise<Buffer> {
  const told = await described(client, infoHash)
  client.open(told)
  const count = told.hashes.length / 32
  const chunks = await Promise.all(Array.from({ length: count }, (_, chunk) => client.get(infoHash, chunk, 8_000)))
  return Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array()))
}

test('when the tracker is gone, strangers get a file from a seeder by its info hash', {
  timeout: 60_000,
}, async (t) => {
  const { tracker, site, swarm, clients } = await openScene(t)
  const { seeder } = await openSeeder(t, site, { announce: [tracker.url] })
  await settled(clients, () => seeder.stats().dhtLinks)
  tracker.kill()
  for (const client of clients) assert.ok((await everything(client, swarm.infoHash)).equals(FILM))
  assert.ok(seeder.stats().uploaded >= FILM.length)
})

test('when the tracker is gone, strangers get from an edge what it has been asked for', {
  timeout: 60_000,
}, async (t) => {
  const { tracker, site, swarm, clients } = await openScene(t)
  const makeTransport = await loadNodeTransport()
  const { edge, bytes } = await openEdge(t, site.url, { makeTransport, announce: [tracker.url] })
  await settled(clients, async () => (await edge.stats()).dhtLinks)
  tracker.kill()
  assert.ok((await bytes(FILE)).equals(FILM))
  for (const client of clients) assert.ok((await everything(client, swarm.infoHash)).equals(FILM))
  assert.ok((await edge.stats()).uploaded >= FILM.length)
})

test('when the tracker is gone, an edge finds who has what a slow origin has not brought yet', {
  timeout: 60_000,
}, async (t) => {
  const film = madeUp(FILE, 6 * MiB)
  const { tracker, site, swarm, clients } = await openScene(t, film)
  const makeTransport = await loadNodeTransport()
  const { edge, bytes } = await openEdge(t, site.url, { makeTransport, announce: [tracker.url] })
  await settled(clients, async () => (await edge.stats()).dhtLinks)
  tracker.kill()
  const { infoHash } = await at(clients, 0).share('film.bin', new Uint8Array(film))
  assert.equal(infoHash, swarm.infoHash)
  await eventually(
    async () => (await at(clients, 1).lookup(infoHash, 0).next()).done,
    (done) => done === false,
    20_000,
  )
  site.server.setEgress(200 * KiB)
  assert.ok((await bytes(FILE)).equals(film))
  const { peers, origin } = (await edge.stats()).swarms[0]?.bytes ?? { peers: 0, origin: 0 }
  assert.ok(peers > film.length / 2, `${peers} bytes from peers, ${origin} from the origin`)
})

test('an edge is the same node of the DHT after a restart', { timeout: 60_000 }, async (t) => {
  const { tracker, site, clients } = await openScene(t)
  const ids = clients.map(({ id }) => id)
  const strangers = () => clients.flatMap(({ links }) => links).filter((id) => !ids.includes(id))
  const options = { makeTransport: await loadNodeTransport(), announce: [tracker.url] }
  const { edge, folder } = await openEdge(t, site.url, options)
  const [id] = await eventually(strangers, (found) => found.length > 0, 20_000)
  assert.ok(id)
  assert.equal((await stat(join(folder, 'dht.json'))).mode & 0o777, 0o600)
  await edge.close(0)
  await eventually(strangers, (found) => found.length === 0, 40_000)
  await openEdge(t, site.url, { ...options, folder })
  assert.equal((await eventually(strangers, (found) => found.length > 0, 20_000))[0], id)
})

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new RangeError(`nothing at ${index}`)
  return item
}
