import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChunkIndex, MiB } from '../protocol/units.ts'
import { worthMerging } from './tidy.ts'

const run = (first: number, after: number) => ({ first: first as ChunkIndex, after: after as ChunkIndex })
const file = (size: number, firstChunk: number) => ({ size, firstChunk: firstChunk as ChunkIndex, chunkSize: 1 * MiB })

test('neighbouring runs make records of 16 MiB', () => {
  const runs = [run(0, 4), run(4, 8), run(8, 16), run(16, 20), run(20, 21)]
  assert.deepEqual(worthMerging(runs, [file(40 * MiB, 0)]), [run(0, 16), run(16, 21)])
})

test('a gap and a large record stand alone', () => {
  const runs = [run(0, 2), run(3, 4), run(4, 5), run(5, 21)]
  assert.deepEqual(worthMerging(runs, [file(40 * MiB, 0)]), [run(3, 5)])
})

test('a record never reaches from one file into the next', () => {
  const runs = [run(0, 1), run(1, 3), run(3, 4), run(4, 5)]
  assert.deepEqual(worthMerging(runs, [file(2.5 * MiB, 0), file(3 * MiB, 3)]), [run(0, 3), run(3, 5)])
})

test('what makes a large record does, and the rest makes smaller ones', () => {
  const runs = Array.from({ length: 27 }, (_, i) => run(i * 4, i * 4 + 4))
  assert.deepEqual(worthMerging(runs, [file(108 * MiB, 0)]), [run(0, 64), run(64, 80), run(80, 96), run(96, 108)])
  assert.deepEqual(worthMerging([run(0, 16), run(16, 32), run(32, 48)], [file(108 * MiB, 0)]), [run(0, 48)])
})

test('records that are large, or nearly so, stay as they are', () => {
  assert.deepEqual(worthMerging([run(0, 64), run(64, 112), run(112, 128)], [file(200 * MiB, 0)]), [])
})
