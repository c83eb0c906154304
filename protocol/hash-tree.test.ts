import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Placement } from './geometry.ts'
import { FileTree, leafLayers, provenNode, uncleLayers } from './hash-tree.ts'
import { toHex } from './hex.ts'
import { HASH_LENGTH, leafWidth, merkleRoot } from './merkle.ts'
import { piecesRoot } from './metainfo.ts'
import { BLOCK_SIZE, type ChunkIndex, KiB } from './units.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const ZERO = new Uint8Array(HASH_LENGTH)

/** A file whose leaves are hashes of their numbers, and its tree layer by layer, padding written out. */
function fileOf(size: number, chunkSize: number) {
  const file: Placement = { size, firstChunk: 0 as ChunkIndex, chunkSize }
  const leaves = Array.from({ length: Math.ceil(size / BLOCK_SIZE) }, (_, i) => sha256(Uint8Array.of(i, i >> 8)))
  const width = Math.max(leafWidth(size, chunkSize), 2 ** Math.ceil(Math.log2(leaves.length)))
  const layers: Uint8Array[][] = [Array.from({ length: width }, (_, i) => leaves[i] ?? ZERO)]
  for (let below = layers[0] ?? []; below.length > 1; below = layers[layers.length - 1] ?? [])
    layers.push(
      Array.from({ length: below.length / 2 }, (_, i) =>
        sha256(Buffer.concat([below[2 * i] ?? ZERO, below[2 * i + 1] ?? ZERO])),
      ),
    )
  const chunkHashes = (layers[leafLayers(file)] ?? []).slice(0, Math.ceil(size / chunkSize))
  return { file, layers, tree: new FileTree(file, Buffer.concat(chunkHashes), sha256) }
}

const sizes = fc.record({
  size: fc.integer({ min: 1, max: 40 * 64 * KiB }),
  chunkSize: fc.constantFrom(32 * KiB, 64 * KiB, 256 * KiB),
})

test('every node from the chunk hashes up, padding included', () => {
  fc.assert(
    fc.property(sizes, ({ size, chunkSize }) => {
      const { tree, layers } = fileOf(size, chunkSize)
      assert.equal(tree.height, layers.length - 1)
      for (let layer = tree.baseLayer; layer <= tree.height; layer++)
        for (const [i, node] of (layers[layer] ?? []).entries())
          assert.equal(toHex(tree.node(layer, i)), toHex(node), `node ${i} of layer ${layer}`)
    }),
    { numRuns: 40 },
  )
})

test('the root is the pieces root of the torrent', () => {
  fc.assert(
    fc.property(sizes, ({ size, chunkSize }) => {
      const { tree, layers } = fileOf(size, chunkSize)
      const hashes = (layers[tree.baseLayer] ?? []).slice(0, Math.ceil(size / chunkSize))
      assert.equal(toHex(tree.root), toHex(piecesRoot(Buffer.concat(hashes), chunkSize, sha256)))
    }),
    { numRuns: 40 },
  )
})

test('layers that follow from the hashes themselves have no uncle (BEP 52)', () => {
  const layers = (length: number, proofLayers: number, baseLayer = 0) =>
    uncleLayers({ baseLayer, index: 0, length, proofLayers })
  assert.deepEqual(layers(2, 0), [])
  assert.deepEqual(layers(2, 1), [1])
  assert.deepEqual(layers(2, 3), [1, 2, 3])
  assert.deepEqual(layers(512, 8), [])
  assert.deepEqual(layers(512, 9), [9])
  assert.deepEqual(layers(4, 3, 5), [7, 8])
})

test('hashes and their uncles lead up to a node above, and one wrong byte does not', () => {
  const span = fc.record({
    power: fc.integer({ min: 1, max: 4 }),
    above: fc.nat(3), // the tree has seven layers above its leaves
    at: fc.nat(31),
    wrong: fc.record({ hash: fc.nat(30), byte: fc.nat(HASH_LENGTH - 1) }),
  })
  const { layers } = fileOf(32 * 64 * KiB, 64 * KiB)
  fc.assert(
    fc.property(span, ({ power, above, at, wrong }) => {
      const length = 2 ** power
      const index = (at % (128 / length)) * length
      const uncles = uncleLayers({ baseLayer: 0, index, length, proofLayers: power + above - 1 })
      assert.equal(uncles.length, above)
      const siblings = uncles.map((layer) => layers[layer]?.[(index >> layer) ^ 1] ?? ZERO)
      const hashes = [...(layers[0] ?? []).slice(index, index + length), ...siblings]
      const top = layers[power + above]?.[index >> (power + above)] ?? ZERO
      assert.equal(toHex(provenNode(index, length, hashes, sha256)), toHex(top))
      const changed = Uint8Array.from(hashes[wrong.hash % hashes.length] ?? ZERO)
      changed[wrong.byte] = (changed[wrong.byte] ?? 0) ^ 1
      const spoilt = hashes.map((hash, i) => (i === wrong.hash % hashes.length ? changed : hash))
      assert.notEqual(toHex(provenNode(index, length, spoilt, sha256)), toHex(top))
    }),
  )
})

test('a file of one chunk: its hash is the root', () => {
  const { tree, layers } = fileOf(5 * BLOCK_SIZE, 256 * KiB)
  assert.equal(tree.baseLayer, 3)
  assert.equal(tree.height, 3)
  assert.equal(toHex(tree.root), toHex(merkleRoot((layers[0] ?? []).slice(0, 5), 8, sha256)))
})
