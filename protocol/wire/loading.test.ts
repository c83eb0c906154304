import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolViolation } from '../errors.ts'
import type { ChunkSpan } from '../geometry.ts'
import { fromHex, toHex } from '../hex.ts'
import { encodeLoading, parseLoading } from './loading.ts'

interface Vectors {
  readonly loadingChunkCount: number
  readonly loading: readonly { readonly name: string; readonly hex: string; readonly spans: readonly ChunkSpan[] }[]
  readonly loadingViolations: readonly { readonly name: string; readonly hex: string }[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../test/vectors/wire.json', import.meta.url), 'utf8'))
const COUNT = vectors.loadingChunkCount

for (const { name, hex, spans } of vectors.loading)
  test(`payload of ${name}`, () => {
    assert.deepEqual(parseLoading(fromHex(hex), COUNT), spans)
    assert.equal(toHex(encodeLoading(spans)), hex)
  })

for (const { name, hex } of vectors.loadingViolations)
  test(`refused: ${name}`, () => {
    assert.throws(() => parseLoading(fromHex(hex), COUNT), ProtocolViolation)
  })

test('more runs than the parser reads are not written', () => {
  const [span] = vectors.loading[1]?.spans ?? []
  assert.ok(span)
  assert.throws(() => encodeLoading(Array.from({ length: 9 }, () => span)), ProtocolViolation)
})

test('any payload: runs within the swarm, or ProtocolViolation', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xffffffff), (payload, chunkCount) => {
      try {
        for (const { first, after } of parseLoading(payload, chunkCount)) {
          assert.ok(first <= after && after <= chunkCount)
        }
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation, String(error))
      }
    }),
  )
})
