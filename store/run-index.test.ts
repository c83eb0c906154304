import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChunkIndex } from '../protocol/units.ts'
import { RunIndex } from './run-index.ts'

const LIMIT = 60

const spans = fc.array(
  fc.tuple(fc.nat(LIMIT - 1), fc.integer({ min: 1, max: 12 })).map(([first, length]) => ({
    first: first as ChunkIndex,
    after: Math.min(first + length, LIMIT) as ChunkIndex,
  })),
  { maxLength: 20 },
)

test('an index answers like a set of chunks', () => {
  fc.assert(
    fc.property(spans, fc.nat(LIMIT - 1), (added, probe) => {
      const index = new RunIndex()
      const set = new Set<number>()
      for (const span of added) {
        index.add(span)
        for (let chunk: number = span.first; chunk < span.after; chunk++) set.add(chunk)
      }
      assert.equal(index.holds(probe), set.has(probe))
      const gaps = index.missingIn({ first: probe as ChunkIndex, after: LIMIT as ChunkIndex })
      for (let chunk: number = probe; chunk < LIMIT; chunk++)
        assert.equal(gaps.filter(({ first, after }) => first <= chunk && chunk < after).length, set.has(chunk) ? 0 : 1)
      const runs = index.runs
      assert.ok(runs.every((run, i) => run.first < run.after && (i === 0 || (runs[i - 1]?.after ?? 0) <= run.first)))
    }),
  )
})

test('missingIn names the gaps of a span', () => {
  const index = new RunIndex([
    { first: 2 as ChunkIndex, after: 4 as ChunkIndex },
    { first: 6 as ChunkIndex, after: 7 as ChunkIndex },
  ])
  assert.deepEqual(index.missingIn({ first: 0 as ChunkIndex, after: 9 as ChunkIndex }), [
    { first: 0, after: 2 },
    { first: 4, after: 6 },
    { first: 7, after: 9 },
  ])
})
