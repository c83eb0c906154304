import assert from 'node:assert/strict'
import { test } from 'node:test'
import bencode from 'bencode'
import fc from 'fast-check'
import { ProtocolViolation } from '../errors.ts'
import { type Bencodable, type Bencoded, decodeBencoded, encodeBencoded, latin1 } from './bencode.ts'
import { encodeExtensionHandshake, parseExtensionHandshake } from './extension-handshake.ts'

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))

/** Byte strings as text, so that values can be compared with what was written. */
function readable(value: Bencoded): unknown {
  if (value instanceof Uint8Array) return latin1(value)
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, readable(v)]))
  return value
}

const tree = fc.letrec<{ value: Bencodable }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ minLength: 1 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

test('what is written is read back, and another implementation writes the same', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const written = encodeBencoded(value)
      const read = decodeBencoded(written)
      assert.equal(read.length, written.length)
      assert.deepEqual(readable(read.value), value)
      assert.deepEqual(Buffer.from(written), Buffer.from(bencode.encode(value)))
    }),
  )
})

for (const hostile of [
  '',
  'i',
  'ie',
  'i-e',
  'i1',
  'l',
  'd',
  'd1:a',
  '5:ab',
  ':',
  '-1:',
  'l2:ab-7:e',
  'i99999999999999999999e',
  'di1ei2ee',
  'l'.repeat(5000),
])
  test(`refused: ${hostile.slice(0, 24)}`, () => {
    assert.throws(() => decodeBencoded(bytes(hostile)), ProtocolViolation)
  })

test('random bytes: a value or ProtocolViolation', () => {
  const alphabet = fc.constantFrom(...'dlie0123456789:-a').map((char) => char.charCodeAt(0))
  const input = fc.array(fc.oneof(alphabet, fc.nat(255)), { maxLength: 60 })
  fc.assert(
    fc.property(input, (list) => {
      try {
        parseExtensionHandshake(Uint8Array.from(list))
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation, String(error))
      }
    }),
    { numRuns: 5000 },
  )
})

test('a key named __proto__ is a key', () => {
  const { value } = decodeBencoded(bytes('d9:__proto__i1ee'))
  assert.deepEqual(Object.entries(value), [['__proto__', 1]])
})

test('extension handshake: wire bytes and back', () => {
  const messages = new Map([['ut_metadata', 3]])
  const handshake = { messages, client: 'Tributary', queueLength: 256, provesBlocks: true, metadataSize: 3425 }
  const written = encodeExtensionHandshake(handshake)
  assert.equal(latin1(written), 'd1:md11:ut_metadatai3ee13:metadata_sizei3425e4:reqqi256e9:tr_hashesi1e1:v9:Tributarye')
  assert.deepEqual(parseExtensionHandshake(written), handshake)
})

test('extension handshake: fields of a wrong type are passed over', () => {
  assert.deepEqual(parseExtensionHandshake(bytes('d1:mi1e4:reqq1:x9:tr_hashes1:11:vlee')), {
    messages: new Map(),
    client: '',
    queueLength: undefined,
    provesBlocks: false,
    metadataSize: undefined,
  })
})
