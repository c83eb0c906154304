import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { InfoHash } from '../../protocol/units.ts'
import {
  compareDistance,
  ID_BITS,
  type Id,
  idBytes,
  idInBucket,
  idNear,
  idOf,
  nodeIdOf,
  regionKey,
  sharedBits,
} from './id.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const anyId = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(idOf)

/** The distance as one number, which holds all 160 bits. */
function distance(a: Id, b: Id): bigint {
  return BigInt(`0x${a}`) ^ BigInt(`0x${b}`)
}

/** `id` with one bit turned, counted from the left. */
function turned(id: Id, bit: number): Id {
  const bytes = idBytes(id)
  bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (0x80 >>> (bit & 7))
  return idOf(bytes)
}

test('distances compare as the XOR of all bits', () => {
  fc.assert(
    fc.property(anyId, anyId, anyId, (target, a, b) => {
      const difference = distance(target, a) - distance(target, b)
      assert.equal(Math.sign(compareDistance(target, a, b)), difference < 0n ? -1 : difference > 0n ? 1 : 0)
    }),
  )
})

test('two ids that differ in the last bit alone are told apart', () => {
  const id = idOf(randomBytes(20))
  assert.ok(compareDistance(id, id, turned(id, 159)) < 0)
  assert.equal(compareDistance(id, id, id), 0)
})

test('shared bits are counted up to the first one that differs', () => {
  const id = idOf(randomBytes(20))
  for (let bit = 0; bit < ID_BITS; bit++) assert.equal(sharedBits(id, turned(id, bit)), bit)
  assert.equal(sharedBits(id, id), ID_BITS)
})

test('a point asked for in a bucket lies in it', () => {
  const id = idOf(randomBytes(20))
  for (let bucket = 0; bucket < ID_BITS; bucket++)
    assert.equal(
      sharedBits(
        id,
        idInBucket(id, bucket, (length) => randomBytes(length)),
      ),
      bucket,
    )
})

test('a point near an id shares at least so many bits, and the rest is random', () => {
  const id = idOf(randomBytes(20))
  for (let bits = 0; bits <= ID_BITS; bits++) {
    const points = Array.from({ length: 40 }, () =>
      sharedBits(
        id,
        idNear(id, bits, (length) => randomBytes(length)),
      ),
    )
    assert.ok(Math.min(...points) >= bits)
    if (bits < ID_BITS) assert.equal(Math.min(...points), bits)
  }
})

test('a node id is the head of the hash of its key', () => {
  const key = randomBytes(32)
  assert.equal(nodeIdOf(key, sha256), sha256(key).toString('hex').slice(0, 40))
})

test('regions of one file lie far apart', () => {
  const infoHash = '0123456789abcdef0123456789abcdef01234567' as InfoHash
  assert.ok(sharedBits(regionKey(infoHash, 0, sha256), regionKey(infoHash, 1, sha256)) < 40)
})
