import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  autoChunkSize,
  blockCountOf,
  bytesOfChunk,
  chunkCountOf,
  chunkLength,
  chunksCovering,
  chunksOfFile,
  intersect,
  isChunkSize,
  type Placement,
} from './geometry.ts'
import { BLOCK_SIZE, type ChunkIndex, KiB, MAX_CHUNK_SIZE, MIN_CHUNK_SIZE, MiB } from './units.ts'

const chunkSize = fc.integer({ min: 15, max: 24 }).map((power) => 2 ** power)
const file: fc.Arbitrary<Placement> = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 2 ** 50 })),
  firstChunk: fc.nat(1e6).map((index) => index as ChunkIndex),
  chunkSize,
})
const chunkOf = (at: Placement) =>
  fc.nat(chunkCountOf(at.size, at.chunkSize) - 1).map((i) => (at.firstChunk + i) as ChunkIndex)

test('the chunks of a file follow one another and hold all of its bytes', () => {
  const small = file.filter((at) => chunkCountOf(at.size, at.chunkSize) <= 5000)
  fc.assert(
    fc.property(small, (at) => {
      const { first, after } = chunksOfFile(at)
      assert.equal(first, at.firstChunk)
      let next = 0
      for (let chunk = first; chunk < after; chunk = (chunk + 1) as ChunkIndex) {
        const { start, end } = bytesOfChunk(at, chunk)
        assert.equal(start, next)
        assert.ok(end > start && end - start <= at.chunkSize)
        next = end
      }
      assert.equal(next, at.size)
    }),
    { numRuns: 50 },
  )
})

test('only the last chunk of a file is short', () => {
  const chunkOfFile = file.chain((at) => fc.tuple(fc.constant(at), chunkOf(at)))
  fc.assert(
    fc.property(chunkOfFile, ([at, chunk]) => {
      const last = chunk === chunksOfFile(at).after - 1
      const rest = at.size % at.chunkSize || at.chunkSize
      assert.equal(chunkLength(at, chunk), last ? rest : at.chunkSize)
    }),
  )
})

test('chunksCovering is the smallest run that covers a span', () => {
  const spanOfFile = file.chain((at) =>
    fc.tuple(
      fc.constant(at),
      fc.tuple(fc.nat(at.size), fc.nat(at.size)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]),
    ),
  )
  fc.assert(
    fc.property(spanOfFile, ([at, [start = 0, end = 0]]) => {
      const { first, after } = chunksCovering(at, { start, end })
      if (start === end) {
        assert.equal(first, after)
        return
      }
      assert.ok(bytesOfChunk(at, first).start <= start && start < bytesOfChunk(at, first).end)
      const last = (after - 1) as ChunkIndex
      assert.ok(bytesOfChunk(at, last).start < end && end <= bytesOfChunk(at, last).end)
    }),
  )
})

test('intersect holds what both hold', () => {
  const span = fc.tuple(fc.nat(50), fc.nat(50)).map(([start, length]) => ({ start, end: start + length }))
  fc.assert(
    fc.property(span, span, fc.nat(110), (a, b, at) => {
      const within = ({ start, end }: { start: number; end: number }) => start <= at && at < end
      const both = intersect(a, b)
      assert.ok(both.start <= both.end)
      assert.equal(within(both), within(a) && within(b))
    }),
  )
})

test('chunk sizes are the powers of two from 32 KiB to 16 MiB', () => {
  const sizes = Array.from({ length: 40 }, (_, power) => 2 ** power).filter(isChunkSize)
  assert.deepEqual([sizes[0], sizes.at(-1), sizes.length], [32 * KiB, 16 * MiB, 10])
  for (const bad of [0, -32768, 32769, 33 * KiB, Number.NaN, Number.POSITIVE_INFINITY, 32768.5])
    assert.ok(!isChunkSize(bad))
})

test('auto aims at 500 to 2,000 chunks', () => {
  assert.equal(autoChunkSize(1), MIN_CHUNK_SIZE)
  assert.equal(autoChunkSize(1024 * MiB), 2 * MiB)
  assert.equal(autoChunkSize(2 ** 50), MAX_CHUNK_SIZE)
  fc.assert(
    fc.property(fc.integer({ min: 500 * MIN_CHUNK_SIZE, max: 2000 * MAX_CHUNK_SIZE }), (size) => {
      const count = chunkCountOf(size, autoChunkSize(size))
      assert.ok(count >= 500 && count <= 2000, `${count} chunks`)
    }),
  )
})

test('a chunk has as many blocks as it takes', () => {
  assert.equal(blockCountOf(1), 1)
  assert.equal(blockCountOf(BLOCK_SIZE), 1)
  assert.equal(blockCountOf(BLOCK_SIZE + 1), 2)
})
