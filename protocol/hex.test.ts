import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from './hex.ts'

test('hex is read back as the bytes that were written', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
      assert.deepEqual(fromHex(toHex(bytes).toUpperCase()), bytes)
    }),
  )
})

test('what is not pairs of hex digits is refused', () => {
  for (const bad of ['0', 'abc', 'zz', '0x', ' 00', '00\n']) assert.throws(() => fromHex(bad), RangeError)
})
