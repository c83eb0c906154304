import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SwarmDescription } from '../../mesh/description.ts'
import type { Mesh, OpenMeshOptions } from '../../mesh/mesh.ts'
import { openDoor, openMesh } from '../../seeder/node-mesh.ts'
import { eventually } from '../harness/poll.ts'
import { makeScratch } from '../harness/scratch.ts'
import { madeUp } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'

// The DHT on real WebRTC in Node, with a real tracker for the beginning.

const LINKS = 4
const SIZE = 200_000

async function openClient(t: TestContext, options: OpenMeshOptions = {}): Promise<Mesh> {
  const mesh = await openMesh({ links: LINKS, ...options })
  t.after(() => mesh.close())
  return mesh
}

/** Clients that have met through a tracker which is gone. */
async function network(t: TestContext, size: number): Promise<Mesh[]> {
  const tracker = await openTracker(t)
  const clients = await Promise.all(Array.from({ length: size }, () => openClient(t)))
  for (const client of clients) client.join({ trackers: [tracker.url] })
  await settled(clients)
  tracker.kill()
  return clients
}

async function settled(clients: readonly Mesh[]): Promise<void> {
  await eventually(
    () => clients.map(({ links }) => links.length),
    (links) => links.every((count) => count >= LINKS - 1),
    20_000,
  )
}

async function holdersOf(client: Mesh, { infoHash }: SwarmDescription, chunk: number): Promise<string[]> {
  const found: string[] = []
  for await (const id of client.lookup(infoHash, chunk)) found.push(id)
  return found
}

/** Whether the client gets this chunk, byte for byte. */
async function gets(client: Mesh, description: SwarmDescription, bytes: Uint8Array, chunk: number): Promise<boolean> {
  const { infoHash, chunkSize } = description
  client.open(description)
  const got = await client.get(infoHash, chunk, 10_000)
  return got !== undefined && Buffer.from(got).equals(bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize))
}

function at<T>(list: readonly T[], index: number): T {
  const item = list.at(index)
  if (item === undefined) throw new RangeError(`nothing at ${index}`)
  return item
}

test('strangers find each other by the DHT, and exchange chunks', { timeout: 60_000 }, async (t) => {
  const clients = await network(t, 12)
  const giver = at(clients, 0)
  const bytes = new Uint8Array(madeUp('found', SIZE))
  const description = await giver.share('found.bin', bytes)
  const strangers = clients.slice(1).filter(({ links }) => !links.includes(giver.id))
  assert.ok(strangers.length > 0, 'nobody is a stranger here')
  const first = at(strangers, 0)
  const holders = await eventually(
    () => holdersOf(first, description, 2),
    (ids) => ids.length > 0,
  )
  assert.deepEqual(holders, [giver.id])
  assert.ok(await gets(first, description, bytes, 2))
  for (const client of strangers.slice(1)) assert.ok(await gets(client, description, bytes, 3))
})

test('an info hash is enough: the rest is told by any member, and verified', { timeout: 60_000 }, async (t) => {
  const clients = await network(t, 5)
  const bytes = new Uint8Array(madeUp('described', 30 * SIZE))
  const given = await at(clients, 0).share('described.bin', bytes)
  await eventually(
    () => holdersOf(at(clients, 3), given, 0),
    (ids) => ids.length > 0,
  )
  const told = await at(clients, 3).describe(given.infoHash)
  assert.ok(told)
  assert.deepEqual(told.files, given.files)
  assert.equal(told.chunkSize, given.chunkSize)
  assert.ok(Buffer.from(told.hashes).equals(given.hashes))
  assert.ok(await gets(at(clients, 3), told, bytes, 7))
})

test('two networks are one as soon as one link joins them', { timeout: 60_000 }, async (t) => {
  const [left, right] = await Promise.all([network(t, 6), network(t, 6)])
  const bytes = new Uint8Array(madeUp('healed', SIZE))
  const description = await at(left, 1).share('healed.bin', bytes)
  assert.deepEqual(await holdersOf(at(right, 3), description, 0), [])
  const { offer, accept } = await at(left, 5).invite()
  assert.ok(await accept(await at(right, 5).answer(offer)))
  await eventually(
    () => holdersOf(at(right, 3), description, 0),
    (ids) => ids.length > 0,
    20_000,
  )
  assert.ok(await gets(at(right, 3), description, bytes, 0))
})

test('who comes back by a remembered peer is who it was, and needs no tracker', { timeout: 60_000 }, async (t) => {
  const clients = await network(t, 5)
  const bytes = new Uint8Array(madeUp('again', SIZE))
  const description = await at(clients, 0).share('again.bin', bytes)
  const door = await openDoor(at(clients, 1), { port: 0 })
  t.after(() => door.close())
  const memory = join(await makeScratch(t, 'memory'), 'client.json')
  const visitor = await openClient(t, { memory })
  visitor.join({ peers: [door.url] })
  await settled([visitor])
  const { id } = visitor
  await eventually(
    () => holdersOf(visitor, description, 1),
    (ids) => ids.length > 0,
  )
  visitor.close()
  const returned = await openClient(t, { memory })
  assert.equal(returned.id, id)
  await settled([returned])
  assert.ok(await gets(returned, description, bytes, 1))
})
