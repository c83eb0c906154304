import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { toHex } from '../protocol/hex.ts'
import { HASH_LENGTH, leafWidth, merkleRoot } from '../protocol/merkle.ts'
import { piecesRoot } from '../protocol/metainfo.ts'
import { BLOCK_SIZE, type ChunkIndex, KiB, MiB } from '../protocol/units.ts'
import { SwarmTrees } from './swarm-trees.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** A bundle of files whose leaves are hashes of their numbers. */
function bundle(chunkSize: number, sizes: readonly number[]) {
  let firstChunk = 0
  const files = sizes.map((size) => {
    const file = { size, firstChunk: firstChunk as ChunkIndex, chunkSize }
    firstChunk += Math.ceil(size / chunkSize)
    return file
  })
  const leavesOf = new Map<number, Uint8Array[]>()
  const chunkHashes: Uint8Array[] = []
  for (const { size, firstChunk: first } of files)
    for (let at = 0; at * chunkSize < size; at++) {
      const count = Math.ceil(Math.min(chunkSize, size - at * chunkSize) / BLOCK_SIZE)
      const leaves = Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(first + at, i, i >> 8)))
      leavesOf.set(first + at, leaves)
      chunkHashes.push(merkleRoot(leaves, leafWidth(size, chunkSize), sha256))
    }
  const trees = new SwarmTrees(files, { chunkHashes: Buffer.concat(chunkHashes), sha256 })
  return { trees, files, chunkHashes, leavesOf, chunkCount: firstChunk }
}

for (const [chunkSize, sizes] of [
  [256 * KiB, [3 * 256 * KiB + 5, 100 * KiB, 256 * KiB, 17 * KiB]],
  [1 * MiB, [5 * MiB + 300 * KiB]],
  [16 * MiB, [20 * MiB, 16 * MiB]],
] as const)
  test(`leaves of every chunk of ${chunkSize / KiB} KiB: asked for, answered, proven`, () => {
    const { trees, leavesOf, chunkCount } = bundle(chunkSize, sizes)
    for (let chunk = 0 as ChunkIndex; chunk < chunkCount; chunk++) {
      const leaves = leavesOf.get(chunk) ?? []
      assert.ok(trees.areLeaves(chunk, leaves))
      const got = trees.leafSpans(chunk).flatMap((span) => {
        assert.equal(trees.chunkIn(span), chunk)
        const answer = trees.answer(span, leaves)
        assert.ok(trees.proves(chunk, span, answer), `chunk ${chunk}`)
        assert.equal(trees.proves(chunk, span, answer.slice(1)), false)
        assert.equal(trees.proves(chunk, span, [...answer, new Uint8Array(HASH_LENGTH)]), false)
        return answer.slice(0, span.length)
      })
      assert.deepEqual(got.slice(0, leaves.length).map(toHex), leaves.map(toHex))
      assert.ok(got.slice(leaves.length).every((hash) => hash.every((byte) => byte === 0)))
    }
  })

test('what is asked for, number by number', () => {
  const { trees, files, chunkHashes } = bundle(16 * MiB, [20 * MiB, 16 * MiB])
  const rootOf = (first: number, after: number) =>
    toHex(piecesRoot(Buffer.concat(chunkHashes.slice(first, after)), 16 * MiB, sha256))
  const plain = (chunk: number) =>
    trees.leafSpans(chunk as ChunkIndex).map((span) => ({ ...span, piecesRoot: toHex(span.piecesRoot) }))
  const common = { baseLayer: 0, length: 512, proofLayers: 9 }
  assert.deepEqual(plain(1), [
    { ...common, piecesRoot: rootOf(0, 2), index: 1024 },
    { ...common, piecesRoot: rootOf(0, 2), index: 1536 },
  ])
  assert.equal(files.length, 2)
  assert.deepEqual(
    plain(2).map(({ piecesRoot, index }) => [piecesRoot, index]),
    [
      [rootOf(2, 3), 0],
      [rootOf(2, 3), 512],
    ],
  )
})

test('a proof for one chunk is none for another', () => {
  const { trees, leavesOf } = bundle(256 * KiB, [4 * 256 * KiB])
  const [span] = trees.leafSpans(1 as ChunkIndex)
  assert.ok(span)
  assert.equal(trees.proves(2 as ChunkIndex, span, trees.answer(span, leavesOf.get(1) ?? [])), false)
})
