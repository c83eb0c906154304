import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolViolation } from '../errors.ts'
import { encodeBencoded } from './bencode.ts'
import { encodeMetadata, parseMetadata } from './metadata.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

test('messages are those of BEP 9', () => {
  assert.equal(text(encodeMetadata({ kind: 'request', piece: 0 })), 'd8:msg_typei0e5:piecei0ee')
  assert.equal(text(encodeMetadata({ kind: 'reject', piece: 3 })), 'd8:msg_typei2e5:piecei3ee')
  const data = { kind: 'data', piece: 1, totalSize: 34256, bytes: Uint8Array.of(1, 2, 3) } as const
  assert.equal(text(encodeMetadata(data)), 'd8:msg_typei1e5:piecei1e10:total_sizei34256ee\x01\x02\x03')
  assert.deepEqual(parseMetadata(encodeMetadata(data)), data)
})

test('other types are passed over, and what is none of it is refused', () => {
  assert.deepEqual(parseMetadata(encodeBencoded({ msg_type: 9, piece: 0 })), { kind: 'unknown' })
  for (const message of [{ piece: 1 }, { msg_type: 0, piece: -1 }, { msg_type: 1, piece: 0 }])
    assert.throws(() => parseMetadata(encodeBencoded(message)), ProtocolViolation)
  const long = encodeMetadata({ kind: 'data', piece: 0, totalSize: 1, bytes: new Uint8Array(16 * 1024 + 1) })
  assert.throws(() => parseMetadata(long), ProtocolViolation)
})
