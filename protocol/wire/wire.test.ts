import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolViolation } from '../errors.ts'
import { fromHex, toHex } from '../hex.ts'
import { encodeMessage, joinFrames, type Sendable } from './encode.ts'
import { type Arrival, FrameDecoder } from './frame-decoder.ts'
import { encodeHandshake, parseHandshake } from './handshake.ts'

type Json = Record<string, string | number>
interface Vectors {
  readonly handshake: {
    readonly name: string
    readonly hex: string
    readonly handshake: ReturnType<typeof parseHandshake>
  }
  readonly messages: readonly { readonly name: string; readonly hex: string; readonly message: Json }[]
  readonly violations: readonly { readonly name: string; readonly hex: string }[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../test/vectors/wire.json', import.meta.url), 'utf8'))
const greeting = fromHex(vectors.handshake.hex)
const frames = vectors.messages.map(({ hex }) => fromHex(hex))

/** Byte fields as hex, as the vectors have them. */
function plain(arrival: Arrival): unknown {
  return Object.fromEntries(
    Object.entries(arrival).map(([key, value]) => [key, value instanceof Uint8Array ? toHex(value) : value]),
  )
}

function bytesOf(message: Json): Sendable {
  const byteFields = ['bits', 'bytes', 'payload', 'piecesRoot', 'hashes']
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, byteFields.includes(key) ? fromHex(String(value)) : value]),
  ) as Sendable
}

/** Everything that arrives, copied, as views do not outlive the next part. */
function decodeAll(parts: readonly Uint8Array[]): unknown[] {
  const decoder = new FrameDecoder()
  return parts.flatMap((part) => [...decoder.push(part)].map(plain))
}

test(vectors.handshake.name, () => {
  assert.deepEqual(parseHandshake(greeting), vectors.handshake.handshake)
  assert.equal(toHex(encodeHandshake(vectors.handshake.handshake)), vectors.handshake.hex)
})

for (const { name, hex, message } of vectors.messages)
  test(`wire bytes of ${name}`, () => {
    assert.deepEqual(decodeAll([greeting, fromHex(hex)]).slice(1), [message])
    assert.equal(toHex(encodeMessage(bytesOf(message))), hex)
  })

for (const { name, hex } of vectors.violations)
  test(`refused: ${name}`, () => {
    assert.throws(() => decodeAll([greeting, fromHex(hex)]), ProtocolViolation)
  })

test('a message of unknown type is passed over', () => {
  assert.deepEqual(decodeAll([greeting, fromHex('0000000363abcd'), fromHex('0000000100')]).slice(1), [
    { kind: 'unknown', type: 0x63 },
    { kind: 'choke' },
  ])
})

test('a frame that is whole in one part is decoded in place', () => {
  const decoder = new FrameDecoder()
  const part = joinFrames([greeting, fromHex('0000000b070000000700004000c0de')])
  const piece = [...decoder.push(part)][1]
  assert.ok(piece?.kind === 'piece')
  assert.equal(piece.bytes.buffer, part.buffer)
})

test('the stream may be cut anywhere', () => {
  const whole = joinFrames([greeting, ...frames])
  const expected = decodeAll([whole])
  assert.equal(expected.length, frames.length + 1)
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length), { maxLength: 40 }), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), whole.length]
      const parts = edges.slice(1).map((end, i) => whole.subarray(edges[i], end))
      assert.deepEqual(decodeAll(parts), expected)
    }),
  )
})

test('byte by byte', () => {
  const whole = joinFrames([greeting, ...frames])
  assert.deepEqual(decodeAll(Array.from(whole, (byte) => Uint8Array.of(byte))), decodeAll([whole]))
})

/** Runs hostile bytes: anything but messages and ProtocolViolation fails the property. */
function survives(bytes: Uint8Array, cut: number): void {
  const at = Math.min(cut, bytes.length)
  try {
    decodeAll([greeting, bytes.subarray(0, at), bytes.subarray(at)])
  } catch (error) {
    assert.ok(error instanceof ProtocolViolation, String(error))
  }
}

test('random bytes: messages or ProtocolViolation', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), survives), { numRuns: 2000 })
})

test('valid frames with changed bytes: messages or ProtocolViolation', () => {
  const whole = joinFrames(frames)
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = whole.slice()
      for (const { at, byte } of changes) bytes[at] = byte
      survives(bytes, cut)
    }),
    { numRuns: 2000 },
  )
})
