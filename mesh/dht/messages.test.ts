import assert from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolViolation } from '../../protocol/errors.ts'
import { fromHex, toHex } from '../../protocol/hex.ts'
import type { InfoHash } from '../../protocol/units.ts'
import { encodeBencoded } from '../../protocol/wire/bencode.ts'
import { decodeDhtMessage } from './decode.ts'
import { encodeDhtMessage } from './encode.ts'
import { compareDistance, comparePoints, type Id, nodeIdOf, pointOf, regionKey, sharedBits } from './id.ts'
import { MAX_DESCRIPTION, MAX_MESSAGE } from './messages.ts'
import { proofText } from './proof.ts'
import { recordText, toggle, toggledBetween } from './record.ts'

interface Named {
  readonly name: string
  readonly hex: string
}
interface Vectors {
  readonly identity: { readonly seed: string; readonly publicKey: string; readonly nodeId: string }
  readonly regions: readonly { readonly infoHash: InfoHash; readonly region: number; readonly key: string }[]
  readonly distances: readonly { readonly a: Id; readonly b: Id; readonly sharedBits: number }[]
  readonly closest: { readonly target: Id; readonly ids: readonly Id[] }
  readonly proof: { readonly channelBinding: string; readonly text: string; readonly signature: string }
  readonly record: {
    readonly key: Id
    readonly sequence: number
    readonly expires: number
    readonly bits: string
    readonly text: string
    readonly signature: string
  }
  readonly deltas: readonly { readonly before: string; readonly after: string; readonly toggled: number[][] }[]
  readonly messages: readonly (Named & { readonly message: unknown })[]
  readonly unknown: readonly (Named & { readonly tx: string })[]
  readonly violations: readonly Named[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../test/vectors/dht.json', import.meta.url), 'utf8'))
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

const SOME = new Uint8Array(20).fill(7)
const PKCS8_ED25519 = fromHex('302e020100300506032b657004220420')
const privateKey = createPrivateKey({
  key: Buffer.concat([PKCS8_ED25519, fromHex(vectors.identity.seed)]),
  format: 'der',
  type: 'pkcs8',
})
const publicKey = fromHex(vectors.identity.publicKey)

/** Byte strings as hex, as the vectors have them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      name === 'tx' ? toHex(Buffer.from(field, 'latin1')) : plain(field),
    ]),
  )
}

test('identity: the id follows from the key', () => {
  assert.equal(nodeIdOf(publicKey, sha256), vectors.identity.nodeId)
  assert.deepEqual(
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32),
    Buffer.from(publicKey),
  )
})

for (const { infoHash, region, key } of vectors.regions)
  test(`key of region ${region}`, () => assert.equal(regionKey(infoHash, region, sha256), key))

for (const { a, b, sharedBits: bits } of vectors.distances)
  test(`${bits} bits shared`, () => assert.equal(sharedBits(a, b), bits))

test('distances: ids in the order in which they lie from a target', () => {
  const { target, ids } = vectors.closest
  const sorted = [...ids].reverse().sort((a, b) => compareDistance(target, a, b))
  assert.deepEqual(sorted, ids)
  const points = ids.map(pointOf).reverse()
  assert.deepEqual(
    points.sort((a, b) => comparePoints(pointOf(target), a, b)).map(({ id }) => id),
    ids,
  )
})

test('proof: what is signed, and the signature', () => {
  const text = proofText(fromHex(vectors.proof.channelBinding), publicKey)
  assert.equal(toHex(text), vectors.proof.text)
  assert.equal(sign(null, text, privateKey).toString('hex'), vectors.proof.signature)
})

test('record: what is signed, and the signature', () => {
  const { key, bits, text, signature, ...numbers } = vectors.record
  const signed = recordText(key, { publicKey, ...numbers, bits: fromHex(bits) })
  assert.equal(toHex(signed), text)
  assert.ok(verify(null, signed, createPublicKey(privateKey), fromHex(signature)))
})

for (const { before, after, toggled } of vectors.deltas)
  test(`delta from ${before} to ${after}`, () => {
    const runs = toggledBetween(fromHex(before), fromHex(after))
    assert.deepEqual(
      runs?.map(({ first, length }) => [first, length]),
      toggled,
    )
    assert.equal(toHex(toggle(fromHex(before), runs ?? []) ?? new Uint8Array(0)), after)
  })

for (const { name, hex, message } of vectors.messages)
  test(`bytes of ${name}`, () => {
    const decoded = decodeDhtMessage(fromHex(hex))
    assert.deepEqual(plain(decoded), message)
    assert.ok(decoded.kind !== 'unknown')
    assert.equal(toHex(encodeDhtMessage(decoded)), hex)
  })

for (const { name, hex, tx } of vectors.unknown)
  test(`can be answered: ${name}`, () =>
    assert.deepEqual(plain(decodeDhtMessage(fromHex(hex))), { kind: 'unknown', tx }))

for (const { name, hex } of vectors.violations)
  test(`refused: ${name}`, () => assert.throws(() => decodeDhtMessage(fromHex(hex)), ProtocolViolation))

test('refused: what is longer than any message', () => {
  const bytes = new Uint8Array(MAX_MESSAGE + 1)
  assert.throws(() => decodeDhtMessage(bytes), ProtocolViolation)
})

test('a description is as long as it may be, and not longer', () => {
  const query = (length: number) =>
    encodeBencoded({
      t: 'abcd',
      y: 'q',
      q: 'signal',
      a: { target: SOME, from: SOME, search: SOME.subarray(0, 8), hops: 1, match: 160, offer: 'v'.repeat(length) },
    })
  assert.equal(decodeDhtMessage(query(MAX_DESCRIPTION)).kind, 'query')
  assert.throws(() => decodeDhtMessage(query(MAX_DESCRIPTION + 1)), ProtocolViolation)
})

test('hostile bytes are refused with a violation, or are a message that is written in the same way', () => {
  const seeds = vectors.messages.map(({ hex }) => fromHex(hex))
  const mutated = fc.tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 4 }))
  fc.assert(
    fc.property(mutated, ([seed, changes]) => {
      const bytes = seed.slice()
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      try {
        const message = decodeDhtMessage(bytes)
        if (message.kind !== 'unknown') assert.deepEqual(decodeDhtMessage(encodeDhtMessage(message)), message)
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation)
      }
    }),
    { numRuns: 2000 },
  )
})

test('any two sets of chunks differ by a delta, or by too much for one', () => {
  const bits = fc
    .uint8Array({ minLength: 1, maxLength: 64 })
    .map((bytes) => Uint8Array.from([...bytes.subarray(0, -1), 1]))
  fc.assert(
    fc.property(bits, bits, (before, after) => {
      const runs = toggledBetween(before, after)
      if (runs !== undefined) assert.deepEqual(toggle(before, runs), after)
    }),
  )
})
