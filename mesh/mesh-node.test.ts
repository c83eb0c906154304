import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import wrtc from '@roamhq/wrtc'
import SimplePeer from 'simple-peer'
import { WebSocket } from 'ws'
import { Tracker } from '../manifest-tool/serve/tracker.ts'
import { blocksOf, merkleRoot } from '../protocol/merkle.ts'
import { BLOCK_SIZE, type ChunkIndex, KiB } from '../protocol/units.ts'
import { contentOf, INFO_HASH } from '../test/harness/virtual-mesh.ts'
import type { Clock } from './clock.ts'
import { MeshNode, type MeshStatus } from './mesh-node.ts'
import { GATHER_MS, peerTransport } from './peer-transport.ts'
import type { OpenSocket } from './transport.ts'

// Real WebRTC, a real tracker: what pages and seeders do, in one process.

const CHUNK = 256 * KiB
const COUNT = 8
const files = [{ size: COUNT * CHUNK, firstChunk: 0 as ChunkIndex, chunkSize: CHUNK }]
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
const chunkHashes = Buffer.concat(
  Array.from({ length: COUNT }, (_, chunk) =>
    merkleRoot(blocksOf(contentOf(chunk, CHUNK)).map(sha256), CHUNK / BLOCK_SIZE, sha256),
  ),
)
const proofs = { chunkHashes, sha256, digest: async (block: Uint8Array) => sha256(block) }
const ALL = { first: 0 as ChunkIndex, after: COUNT as ChunkIndex }

const clock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

const openSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url)
  socket.on('open', () => events.onOpen())
  socket.on('message', (data) => events.onText(String(data)))
  socket.on('error', () => undefined) // a close follows
  socket.on('close', () => events.onClose())
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => socket.terminate(),
  }
}

async function openTracker(t: TestContext): Promise<string> {
  const tracker = new Tracker()
  const server = createServer()
  server.on('upgrade', (request, socket, head) => tracker.upgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    tracker.close()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `ws://127.0.0.1:${address.port}/`
}

interface Visitor {
  readonly node: MeshNode
  fetch(chunk: number): Promise<Uint8Array | undefined>
  /** Resolves with the first status that `accept` accepts. */
  status(accept: (status: MeshStatus) => boolean): Promise<MeshStatus>
}

function join(
  t: TestContext,
  announce: string,
  content?: (chunk: number) => Uint8Array<ArrayBuffer>,
  uploadLimit = Number.POSITIVE_INFINITY,
): Visitor {
  const options = { clock, randomBytes: (length: number) => randomBytes(length), openSocket, sharing: true }
  const node = new MeshNode({ ...options, uploadLimit })
  const waiting = new Set<(status: MeshStatus) => void>()
  let last = node.join({
    infoHash: INFO_HASH,
    chunkCount: COUNT,
    files,
    announce: [announce],
    transport: peerTransport(
      ({ initiator }) =>
        new SimplePeer({ initiator, wrtc, trickle: false, iceCompleteTimeout: GATHER_MS, config: { iceServers: [] } }),
      clock,
    ),
    held: content ? [ALL] : [],
    read: async (chunk) => content?.(chunk),
    verify: async (chunk, bytes) => Buffer.from(bytes).equals(contentOf(chunk, CHUNK)),
    proofs,
    onStatus: (status) => {
      last = status
      for (const check of waiting) check(status)
    },
  })
  t.after(() => node.close())
  return {
    node,
    fetch: async (chunk) => await node.swarm(INFO_HASH)?.fetch(chunk as ChunkIndex, 20_000),
    status: (accept) =>
      new Promise((resolve) => {
        const check = (status: MeshStatus) => accept(status) && resolve(status)
        waiting.add(check)
        check(last)
      }),
  }
}

const hasAll = ({ available }: MeshStatus) => available.every((byte) => byte === 0xff)
const good = (chunk: number) => contentOf(chunk, CHUNK)

test('visitors that share a tracker meet, and the bytes flow', { timeout: 60_000 }, async (t) => {
  const announce = await openTracker(t)
  const first = join(t, announce, good)
  await first.status(({ phase }) => phase === 'up')
  const second = join(t, announce)
  await second.status(hasAll)
  for (let chunk = 0; chunk < COUNT; chunk++) assert.deepEqual(await second.fetch(chunk), good(chunk))
  // The second can now give what it got.
  second.node.swarm(INFO_HASH)?.stored(ALL)
  const third = join(t, announce)
  await third.status(({ peers }) => peers === 2)
  assert.deepEqual(await third.fetch(0), good(0))
})

test('a visitor that lies is banned, and another brings the chunk', { timeout: 60_000 }, async (t) => {
  const announce = await openTracker(t)
  const liar = join(t, announce, (chunk) => contentOf(chunk + 1, CHUNK))
  await liar.status(({ phase }) => phase === 'up')
  const victim = join(t, announce)
  await victim.status(hasAll)
  const chunk = victim.fetch(0)
  join(t, announce, good)
  assert.deepEqual(await chunk, good(0))
  assert.equal(victim.node.swarm(INFO_HASH)?.swarm.welcomes(liar.node.peerId), false)
})

test('two visitors bring one chunk together, block by block', { timeout: 60_000 }, async (t) => {
  const announce = await openTracker(t)
  const holders = [join(t, announce, good, CHUNK / 4), join(t, announce, good, CHUNK / 4)]
  const third = join(t, announce)
  await third.status((status) => status.peers === 2 && hasAll(status))
  assert.deepEqual(await third.fetch(0), good(0))
  const given = holders.map(({ node }) => node.swarm(INFO_HASH)?.swarm.uploaded ?? 0)
  assert.ok(
    given.every((bytes) => bytes > CHUNK / 8),
    given.join(' '),
  )
})

test('who leaves is gone from the swarm of the others', { timeout: 60_000 }, async (t) => {
  const announce = await openTracker(t)
  const first = join(t, announce, good)
  await first.status(({ phase }) => phase === 'up')
  const second = join(t, announce)
  await second.status(hasAll)
  first.node.close()
  const { available } = await second.status(({ peers }) => peers === 0)
  assert.ok(available.every((byte) => byte === 0))
})
