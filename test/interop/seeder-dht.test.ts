import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Mesh } from '../../mesh/mesh.ts'
import { KiB } from '../../protocol/units.ts'
import { openMesh } from '../../seeder/node-mesh.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
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
async function openScene(t: TestContext) {
  const tracker = await openTracker(t)
  const site = await openSeedSite(t, { [FILE]: FILM })
  const { swarm } = await swarmOf(site.dir, FILE)
  const clients = await visitors(t, new URL(site.url).origin, tracker.url)
  return { tracker, site, swarm, clients }
}

/** All of a swarm, from the info hash on. */
async function everything(client: Mesh, infoHash: Parameters<Mesh['describe']>[0]): Promise<Buffer> {
  const told = await eventually(
    () => client.describe(infoHash, 5_000),
    (description) => description !== undefined,
    20_000,
  )
  assert.ok(told)
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
  await eventually(
    () => seeder.stats().dhtLinks,
    (links) => links >= 2,
    20_000,
  )
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
  await eventually(
    async () => (await edge.stats()).dhtLinks,
    (links) => links >= 2,
    20_000,
  )
  tracker.kill()
  assert.ok((await bytes(FILE)).equals(FILM))
  for (const client of clients) assert.ok((await everything(client, swarm.infoHash)).equals(FILM))
  assert.ok((await edge.stats()).uploaded >= FILM.length)
})
