import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHex } from './hex.ts'
import { blocksOf, leafWidth, merkleRoot, merkleRootLater, sameHash } from './merkle.ts'
import { BLOCK_SIZE, KiB } from './units.ts'

// Chunk hashes and roots of whole files are proven by vectors in metainfo.test.ts.

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const zero = new Uint8Array(32)

/** The definition, level by level over all leaves. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (only && leaves.length === 1) return only
  const pairs = Array.from({ length: leaves.length / 2 }, (_, i) =>
    sha256(Buffer.concat([leaves[2 * i] ?? zero, leaves[2 * i + 1] ?? zero])),
  )
  return plainRoot(pairs)
}

test('the root is that of the tree with the missing leaves filled in', () => {
  const tree = fc.integer({ min: 0, max: 6 }).chain((power) =>
    fc.record({
      width: fc.constant(2 ** power),
      leaves: fc.array(hash, { maxLength: 2 ** power }),
      filler: fc.oneof(fc.constant(zero), hash),
    }),
  )
  fc.assert(
    fc.property(tree, ({ width, leaves, filler }) => {
      const filled = Array.from({ length: width }, (_, i) => leaves[i] ?? filler)
      assert.equal(toHex(merkleRoot(leaves, width, sha256, filler)), toHex(plainRoot(filled)))
    }),
  )
})

test('the root is the same by a hash that answers later', async () => {
  const leaves = [1, 2, 3, 4, 5].map((byte) => new Uint8Array(32).fill(byte))
  for (let count = 0; count <= leaves.length; count++) {
    const some = leaves.slice(0, count)
    const root = await merkleRootLater(some, 8, async (bytes) => sha256(bytes))
    assert.equal(toHex(root), toHex(merkleRoot(some, 8, sha256)))
  }
})

test('an empty tree of zeros', () => {
  assert.equal(toHex(merkleRoot([], 1, sha256)), '00'.repeat(32))
  assert.equal(
    toHex(merkleRoot([], 2, sha256)),
    'f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b', // SHA-256 of 64 zero bytes
  )
})

test('a file of one chunk has as few leaves as hold it, a larger one a whole chunk of them', () => {
  const width = (size: number) => leafWidth(size, 64 * KiB)
  assert.deepEqual([1, BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE, 4 * BLOCK_SIZE].map(width), [1, 1, 2, 4, 4])
  assert.equal(width(4 * BLOCK_SIZE + 1), 4)
  assert.equal(leafWidth(2 ** 40, 2 ** 24), 1024)
})

test('blocks are views that make up the chunk', () => {
  fc.assert(
    fc.property(fc.nat(5 * BLOCK_SIZE), (length) => {
      const chunk = new Uint8Array(length).map((_, i) => i * 31)
      const blocks = blocksOf(chunk)
      assert.ok(blocks.every((block, i) => block.buffer === chunk.buffer && block.byteOffset === i * BLOCK_SIZE))
      assert.ok(Buffer.concat(blocks).equals(chunk))
    }),
    { numRuns: 20 },
  )
})

test('two hashes are the same only when every byte is', () => {
  fc.assert(
    fc.property(hash, fc.nat(31), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
      const other = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ change : byte))
      assert.ok(sameHash(bytes, bytes.slice()))
      assert.ok(!sameHash(bytes, other))
      assert.ok(!sameHash(bytes, bytes.subarray(1)))
    }),
  )
})
