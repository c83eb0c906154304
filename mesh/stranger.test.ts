import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import { encodeMessage } from '../protocol/wire/encode.ts'
import { Stranger } from '../test/harness/stranger.ts'
import { CHUNK_SIZE, connect, contentOf, treesOf, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'

// A peer that is nothing but bytes, whatever these are.

const COUNT = 24
/** Large enough for leaf hashes to be asked for. */
const LARGE = 128 * KiB
const trees = treesOf(COUNT, LARGE)

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = (options = {}) => new VirtualPeer(clock, ++last, { chunkCount: COUNT, ...options })
  return { clock, peer }
}

test('a flood of requests is refused beyond the queue, and costs no more than the queue', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  const stranger = new Stranger(clock, seeder)
  stranger.say({ kind: 'interested' })
  await clock.advance(100)
  for (let i = 0; i < 1000; i++) stranger.say({ kind: 'request', chunk: 0 as ChunkIndex, offset: i, length: 1000 })
  await clock.advance(100)
  assert.equal(stranger.of('reject').length + stranger.of('piece').length, 1000)
  assert.ok(stranger.of('reject').length > 0)
})

/** Asks for bytes of a chunk of a peer whose chunks are `short` bytes long. */
async function askShort(chunk: number, offset: number, length: number) {
  const { clock, peer } = world()
  const bytes = contentOf(chunk, 1000)
  const seeder = peer({ lengthOf: () => 1000, read: async () => bytes }).hold()
  const stranger = new Stranger(clock, seeder)
  stranger.say({ kind: 'interested' })
  await clock.advance(100)
  stranger.say({ kind: 'request', chunk: chunk as ChunkIndex, offset, length })
  await clock.advance(100)
  return { bytes, pieces: stranger.of('piece').map((piece) => piece.bytes), isOpen: stranger.link.isOpen }
}

test('the padding after a file is served as zeros', async () => {
  const { bytes, pieces } = await askShort(3, 0, 16 * KiB)
  assert.deepEqual(pieces, [Uint8Array.from({ length: 16 * KiB }, (_, i) => bytes[i] ?? 0)])
  assert.deepEqual((await askShort(3, CHUNK_SIZE - 1000, 1000)).pieces, [new Uint8Array(1000)])
})

test('nothing stands beyond a chunk, nor after the last file', async () => {
  assert.equal((await askShort(3, CHUNK_SIZE - 1000, 1001)).isOpen, false)
  assert.equal((await askShort(COUNT - 1, 0, 1001)).isOpen, false)
  assert.equal((await askShort(COUNT - 1, 0, 1000)).isOpen, true)
})

test('unasked blocks end the session of whoever sends them', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const { link } = new Stranger(clock, leecher)
  for (let i = 0; i < 40; i++)
    link.send(encodeMessage({ kind: 'piece', chunk: 0 as ChunkIndex, offset: 0, bytes: new Uint8Array(16 * KiB) }))
  await clock.advance(200)
  assert.equal(link.isOpen, false)
})

test('hostile bytes end the session of whoever sends them, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 64 }), { maxLength: 12 }), async (parts) => {
      const { clock, peer } = world()
      const leecher = peer()
      connect(clock, peer().hold(), leecher)
      const { link } = new Stranger(clock, leecher)
      for (const part of parts) link.send(part)
      assert.deepEqual(await clock.until(leecher.fetch(0)), contentOf(0))
      assert.equal(leecher.driver.swarm.peers >= 1, true)
    }),
    { numRuns: 100 },
  )
})

test('hostile messages that are well formed end no other session', async () => {
  const number = fc.oneof(fc.nat(COUNT + 2), fc.constantFrom(0xffffffff, 0x7fffffff, CHUNK_SIZE))
  const span = fc.record({ chunk: number, offset: number, length: fc.integer({ min: 1, max: 16 * KiB }) })
  const bytes32 = fc.constantFrom(
    new Uint8Array(32),
    trees.leafSpans(0 as ChunkIndex)[0]?.piecesRoot ?? new Uint8Array(32),
  )
  const hashes = fc.record({
    piecesRoot: bytes32,
    baseLayer: fc.oneof(fc.nat(6), number),
    index: number,
    length: fc.constantFrom(0, 1, 2, 4, 8, 512),
    proofLayers: fc.nat(40),
  })
  const message = fc.oneof(
    hashes.map((span) => ({ kind: 'hash-request', ...span })),
    hashes.map((span) => ({ kind: 'hash-reject', ...span })),
    hashes.map((span) => ({ kind: 'hashes', ...span, hashes: new Uint8Array(32 * (span.length + 1)) })),
    fc
      .constantFrom('choke', 'unchoke', 'interested', 'not-interested', 'have-all', 'have-none', 'keep-alive')
      .map((kind) => ({ kind })),
    number.map((chunk) => ({ kind: 'have', chunk })),
    fc.uint8Array({ maxLength: 5 }).map((bits) => ({ kind: 'bitfield', bits })),
    span.map((block) => ({ kind: 'request', ...block })),
    span.map((block) => ({ kind: 'cancel', ...block })),
    span.map((block) => ({ kind: 'reject', ...block })),
    fc
      .record({ chunk: number, offset: number, bytes: fc.uint8Array({ maxLength: 40 }) })
      .map((piece) => ({ kind: 'piece', ...piece })),
    fc
      .record({ id: fc.nat(3), payload: fc.uint8Array({ maxLength: 30 }) })
      .map((extended) => ({ kind: 'extended', ...extended })),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 30 }), async (messages) => {
      const { clock, peer } = world()
      const proven = { chunkSize: LARGE, trees }
      const leecher = peer(proven).hold(4, 8)
      connect(clock, peer(proven).hold(), leecher)
      const { link } = new Stranger(clock, leecher)
      await clock.advance(50)
      for (const each of messages) link.send(encodeMessage(each as Parameters<typeof encodeMessage>[0]))
      assert.deepEqual(await clock.until(leecher.fetch(0)), contentOf(0, LARGE))
    }),
    { numRuns: 150 },
  )
})

test('a peer that chokes and unchokes without end is let go: each time all its chunks are counted', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const calm = new Stranger(clock, leecher, 98)
  const fickle = new Stranger(clock, leecher)
  for (const stranger of [calm, fickle]) stranger.say({ kind: 'have-all' })
  for (let i = 0; i < 300; i++) for (const kind of ['unchoke', 'choke'] as const) fickle.say({ kind })
  for (let i = 0; i < 20; i++) for (const kind of ['unchoke', 'choke', 'choke'] as const) calm.say({ kind })
  await clock.advance(100)
  assert.equal(fickle.link.isOpen, false)
  assert.equal(calm.link.isOpen, true)
})

test('empty blocks that nobody asked for do not keep a peer that delivers nothing', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const stranger = new Stranger(clock, leecher)
  stranger.say({ kind: 'have-all' })
  stranger.say({ kind: 'unchoke' })
  const fetching = leecher.fetch(0, 60_000)
  for (let i = 0; i < 20; i++) {
    stranger.say({ kind: 'piece', chunk: 3 as ChunkIndex, offset: 0, bytes: new Uint8Array(0) })
    await clock.advance(1_000)
  }
  assert.equal(stranger.link.isOpen, false)
  leecher.driver.cancel(0 as ChunkIndex)
  await fetching
})

test('a peer that reads nothing and goes on asking is let go before its answers fill the memory', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  const { link } = new Stranger(clock, seeder, 99, 10)
  await clock.advance(100)
  const theirs = link.other ?? assert.fail()
  const request = encodeMessage({ kind: 'request', chunk: 0 as ChunkIndex, offset: 0, length: 1 })
  const flood = new Uint8Array(1_900 * request.length).map((_, i) => request[i % request.length] ?? 0)
  for (let i = 0; i < 1_000 && theirs.isOpen; i++) {
    theirs.deliver(flood)
    await clock.advance(1)
  }
  assert.equal(theirs.isOpen, false)
  assert.ok(theirs.mostBuffered <= 20 * 1024 * KiB, `${theirs.mostBuffered} bytes`)
})
