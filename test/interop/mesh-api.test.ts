import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Mesh } from '../../mesh/mesh.ts'
import { openDoor, openMesh } from '../../seeder/node-mesh.ts'
import { eventually } from '../harness/poll.ts'
import { madeUp } from '../harness/site.ts'

// What a program may rely on that uses `tributary/mesh`.

const SIZE = 200_000
const NOBODY = '00'.repeat(20)
const node = new URL('../../seeder/node-mesh.ts', import.meta.url).href

async function openClient(t: TestContext): Promise<Mesh> {
  const mesh = await openMesh({ links: 4 })
  t.after(() => mesh.close())
  return mesh
}

/** Somebody who takes offers. */
async function openHost(t: TestContext) {
  const host = await openClient(t)
  const door = await openDoor(host, { port: 0 })
  t.after(() => door.close())
  return { host, door }
}

/** Somebody who gives a file, and takes offers. */
async function openGiver(t: TestContext) {
  const { host: giver, door } = await openHost(t)
  const bytes = new Uint8Array(madeUp('api', SIZE))
  return { giver, door, bytes, description: await giver.share('api.bin', bytes) }
}

test('who asks before it has a link waits for one', { timeout: 30_000 }, async (t) => {
  const { giver, door, bytes, description } = await openGiver(t)
  const { infoHash, chunkSize } = description
  const [one, other] = [await openClient(t), await openClient(t)]
  one.join({ peers: [door.url] })
  const told = await one.describe(infoHash.toUpperCase())
  assert.deepEqual(told?.files, description.files)
  other.join({ peers: [door.url] })
  other.open(description)
  const got = await other.get(infoHash, 1)
  assert.ok(got && Buffer.from(got).equals(bytes.subarray(chunkSize, 2 * chunkSize)))
  const late = await openClient(t)
  late.join({ peers: [door.url] })
  const { value } = await late.lookup(infoHash, 2).next()
  assert.equal(value, giver.id)
})

test('ways in that are named later count too', { timeout: 30_000 }, async (t) => {
  const { giver, door } = await openGiver(t)
  const client = await openClient(t)
  client.join({ trackers: ['ws://127.0.0.1:9/'], peers: ['ws://[', 'ws://127.0.0.1:9/'] })
  client.join({ peers: [door.url] })
  await eventually(
    () => client.links,
    (links) => links.includes(giver.id),
  )
})

test('an invitation comes through chats and forms', { timeout: 30_000 }, async (t) => {
  const [one, other] = [await openClient(t), await openClient(t)]
  const { offer, accept } = await one.invite()
  const answer = await other.answer(`\n  ${offer.replaceAll('\r\n', '\n').trim()}`)
  assert.equal(await accept(answer.replaceAll('\r', '').trim()), true)
  await eventually(
    () => [one.links, other.links],
    ([ones, others]) => ones?.[0] === other.id && others?.[0] === one.id,
  )
  await assert.rejects(other.answer('what is this?'))
  assert.equal(await (await one.invite()).accept('and this?'), false)
})

test('what cannot be is refused at once', async (t) => {
  const { giver, description } = await openGiver(t)
  const { infoHash, hashes } = description
  await assert.rejects(giver.describe('9c2f'), RangeError)
  assert.throws(() => giver.lookup('9c2f', 0), RangeError)
  for (const chunk of [-1, 0.5, Number.NaN, 2 ** 40]) assert.throws(() => giver.lookup(infoHash, chunk), RangeError)
  for (const chunk of [-1, 0.5, Number.NaN, hashes.length / 32]) {
    await assert.rejects(giver.get(infoHash, chunk), RangeError)
    assert.throws(() => giver.announce(infoHash, chunk), RangeError)
  }
  await assert.rejects(giver.get(NOBODY, 0), RangeError)
  await assert.rejects(giver.share('empty', new Uint8Array()), RangeError)
  assert.throws(() => giver.join({ trackers: ['tracker.example'] }), RangeError)
  assert.throws(() => giver.join({ peers: ['https://peer.example/'] }), RangeError)
  await assert.rejects(openDoor(giver, { port: 0, url: 'nowhere' }), RangeError)
})

test('neither who lies nor who says nothing keeps a client from a chunk', { timeout: 60_000 }, async (t) => {
  const { bytes, description } = await openGiver(t) // whom nobody else knows
  const { infoHash, chunkSize, hashes } = description
  const { host, door } = await openHost(t)
  const chunkOf = (chunk: number) => bytes.slice(chunk * chunkSize, (chunk + 1) * chunkSize)
  const asked = new Set<string>()
  const enter = async (name: string, read: (chunk: number) => Promise<Uint8Array<ArrayBuffer>>) => {
    const client = await openClient(t)
    client.join({ peers: [door.url] })
    const noted = (chunk: number) => {
      asked.add(name)
      return read(chunk)
    }
    client.open(description, { read: noted, write: async () => undefined })
    for (let chunk = 0; chunk < hashes.length / 32; chunk++) client.announce(infoHash, chunk)
  }
  await enter('liar', async (chunk) => chunkOf(chunk).fill(0))
  await enter('mute', () => new Promise(() => undefined))
  const client = await openClient(t)
  client.join({ peers: [door.url] })
  client.open(description)
  assert.equal(await client.get(infoHash, 0, 8_000), undefined)
  assert.deepEqual([...asked].sort(), ['liar', 'mute'])
  await enter('honest', async (chunk) => chunkOf(chunk))
  assert.equal(host.links.includes(client.id), true)
  const got = await client.get(infoHash, 1)
  assert.ok(got && Buffer.from(got).equals(chunkOf(1)))
})

test('what a reader does to its bytes stays with it', { timeout: 30_000 }, async (t) => {
  const { door, bytes, description } = await openGiver(t)
  const { infoHash, chunkSize } = description
  const client = await openClient(t)
  client.join({ peers: [door.url] })
  client.open(description)
  for (let i = 0; i < 2; i++) (await client.get(infoHash, 0))?.fill(0)
  const again = await client.get(infoHash, 0)
  assert.ok(again && Buffer.from(again).equals(bytes.subarray(0, chunkSize)))
})

test('networks are called at trackers what others work out', async (t) => {
  const { networks }: { networks: readonly { readonly name: string; readonly infoHash: string }[] } = JSON.parse(
    readFileSync(new URL('../vectors/dht.json', import.meta.url), 'utf8'),
  )
  assert.ok(networks.length > 0)
  for (const { name, infoHash } of networks) {
    const mesh = await openMesh({ network: name })
    t.after(() => mesh.close())
    assert.equal(mesh.network, infoHash)
  }
})

test('a program whose clients are closed ends', { timeout: 30_000 }, async (t) => {
  const script = `
    const { openMesh } = await import('${node}')
    const [one, other] = [await openMesh(), await openMesh()]
    await other.answer((await one.invite()).offer)
    one.join({ trackers: ['ws://127.0.0.1:9/'], peers: ['ws://127.0.0.1:9/'] })
    one.close()
    other.close()
    await other.describe('${NOBODY}')
    for await (const id of other.lookup('${NOBODY}', 0)) console.log(id)`
  const program = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: 'inherit',
  })
  t.after(() => void program.kill())
  assert.deepEqual(await once(program, 'exit'), [0, null])
})
