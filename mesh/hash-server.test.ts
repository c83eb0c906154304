import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { provenNode } from '../protocol/hash-tree.ts'
import { toHex } from '../protocol/hex.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import type { HashSpan } from '../protocol/wire/messages.ts'
import { Stranger } from '../test/harness/stranger.ts'
import { treesOf, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'

const COUNT = 6
const CHUNK = 256 * KiB
const WIDTH = 16
const trees = treesOf(COUNT, CHUNK)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

async function setUp(options = {}) {
  const clock = new VirtualClock()
  const seeder = new VirtualPeer(clock, 1, { chunkCount: COUNT, chunkSize: CHUNK, trees, ...options })
  const stranger = new Stranger(clock, seeder)
  await clock.advance(50)
  const ask = async (...spans: HashSpan[]) => {
    for (const span of spans) stranger.say({ kind: 'hash-request', ...span })
    await clock.advance(50)
  }
  return { clock, seeder, stranger, ask }
}

/** What asks for all leaves of a chunk. */
function leavesOf(chunk: number): HashSpan {
  const [span] = trees.leafSpans(chunk as ChunkIndex)
  assert.ok(span)
  return span
}

function listOf(hashes: Uint8Array): Uint8Array[] {
  return Array.from({ length: hashes.length / HASH_LENGTH }, (_, i) =>
    hashes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH),
  )
}

test('the leaves of a held chunk lead up to its hash, and name what was asked', async () => {
  const { seeder, stranger, ask } = await setUp()
  seeder.hold()
  await ask(leavesOf(2))
  const [answer] = stranger.of('hashes')
  assert.ok(answer)
  const { kind: _, hashes, ...span } = answer
  assert.deepEqual(span, leavesOf(2))
  assert.ok(trees.proves(2 as ChunkIndex, span, listOf(hashes)))
  assert.equal(trees.proves(1 as ChunkIndex, span, listOf(hashes)), false)
})

test('what is not held, not shared or not known is rejected', async () => {
  const rejected = async (options: object, span: HashSpan, held = 6) => {
    const { seeder, stranger, ask } = await setUp(options)
    seeder.hold(0, held)
    await ask(span)
    assert.equal(seeder.reads, 0)
    assert.equal(stranger.of('hashes').length, 0)
    assert.equal(stranger.link.isOpen, true)
    return stranger.of('hash-reject').length
  }
  assert.equal(await rejected({}, leavesOf(4), 4), 1)
  assert.equal(await rejected({ sharing: false }, leavesOf(2)), 1)
  assert.equal(await rejected({ trees: undefined }, leavesOf(2)), 1)
  assert.equal(await rejected({}, { ...leavesOf(2), piecesRoot: new Uint8Array(32) }), 1)
})

test('any span is answered as BEP 52 says, or rejected', async () => {
  const { seeder, stranger, ask } = await setUp()
  seeder.hold()
  await ask()
  const { piecesRoot } = leavesOf(0)
  const number = fc.oneof(fc.nat(40), fc.constantFrom(0xffffffff, 0x80000000, 128, 96))
  const span = fc.record({
    piecesRoot: fc.constant(piecesRoot),
    baseLayer: fc.oneof(fc.constantFrom(0, 4), number),
    index: number,
    length: fc.oneof(fc.constantFrom(2, 4, 8, 16), fc.nat(512)),
    proofLayers: fc.nat(40),
  })
  await fc.assert(
    fc.asyncProperty(span, async (asked) => {
      const before = stranger.heard.length
      await ask(asked)
      const [answer, ...more] = stranger.heard.slice(before)
      assert.deepEqual(more, [])
      assert.ok(answer?.kind === 'hashes' || answer?.kind === 'hash-reject')
      if (answer.kind === 'hash-reject') return
      // A proof that reaches below the root leads to its two halves, one of them the last uncle.
      const list = listOf(answer.hashes)
      const reached = Math.log2(asked.length) + list.length - asked.length + asked.baseLayer
      const top = provenNode(asked.index, asked.length, list, sha256)
      const index = Math.floor(asked.index / 2 ** (reached - asked.baseLayer))
      const [whole] = trees
        .answer({ ...leavesOf(0), baseLayer: 4, index: 0, length: 8, proofLayers: 0 }, [])
        .slice(index)
      if (reached === 4) assert.equal(toHex(top), toHex(whole ?? new Uint8Array()))
      if (reached === 7) assert.equal(toHex(top), toHex(piecesRoot))
    }),
    { numRuns: 300 },
  )
})

test('a store that spoilt a chunk answers with a reject, and serves it no longer', async () => {
  const { seeder, stranger, ask } = await setUp({ read: async () => new Uint8Array(CHUNK) })
  seeder.hold()
  await ask(leavesOf(1))
  assert.equal(stranger.of('hash-reject').length, 1)
  stranger.say({ kind: 'interested' })
  await ask(leavesOf(1))
  stranger.say({ kind: 'request', chunk: 1 as ChunkIndex, offset: 0, length: 16 * KiB })
  await ask()
  assert.equal(stranger.of('reject').length, 1)
})

test('a chunk is read and hashed once, however often it is asked for', async () => {
  const { seeder, stranger, ask } = await setUp()
  seeder.hold()
  await ask(leavesOf(2), leavesOf(2), leavesOf(2))
  await ask(leavesOf(2))
  assert.equal(seeder.reads, 1)
  assert.equal(stranger.of('hashes').length, 4)
})

test('a flood of requests costs a bounded number of reads, and each is answered', async () => {
  const count = 400
  const large = treesOf(count, CHUNK)
  const { clock, seeder, stranger } = await setUp({ chunkCount: count, trees: large })
  seeder.hold()
  for (let i = 0; i < 3 * count; i++) {
    const [span] = large.leafSpans((i % count) as ChunkIndex)
    assert.ok(span)
    stranger.say({ kind: 'hash-request', ...span })
  }
  await clock.advance(500)
  // 32 MiB in advance, and a little each second.
  assert.ok(seeder.reads <= 130, `${seeder.reads} reads`)
  assert.equal(stranger.of('hashes').length + stranger.of('hash-reject').length, 3 * count)
  await clock.advance(60_000)
  assert.ok(seeder.reads <= 130, 'nothing is left to do')
})

test('hashes that nobody asked for change nothing', async () => {
  const { clock, stranger, seeder } = await setUp()
  const hashes = new Uint8Array(HASH_LENGTH * WIDTH)
  stranger.say({ kind: 'hashes', ...leavesOf(1), hashes })
  stranger.say({ kind: 'hash-reject', ...leavesOf(1) })
  await clock.advance(100)
  assert.equal(stranger.link.isOpen, true)
  assert.equal(seeder.driver.swarm.peers, 1)
})
