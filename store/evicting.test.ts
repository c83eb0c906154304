import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { chooseVictims } from './evicting.ts'

const SWARM = 'a'.repeat(40) as InfoHash

/** Records of one chunk and ten bytes each, the least recently asked first. */
const records = Array.from({ length: 40 }, (_, i) => ({
  swarm: SWARM,
  chunks: { first: i as ChunkIndex, after: (i + 1) as ChunkIndex },
  bytes: 10,
}))
type Record = (typeof records)[number]

const chosen = (bytes: number, holders: (record: Record) => number) =>
  chooseVictims(records, bytes, holders).map(({ chunks }) => chunks.first)

test('the least recently asked goes first', () => {
  assert.deepEqual(
    chosen(25, () => 0),
    [0, 1, 2],
  )
})

test('within the stale quarter, what many others hold goes before what few or none do', () => {
  const holders = new Map([
    [0, 0],
    [1, 1],
    [4, 7],
    [9, 2],
    [10, 99],
  ])
  const of = ({ chunks }: Record) => holders.get(chunks.first) ?? 0
  assert.deepEqual(chosen(10, of), [4])
  assert.deepEqual(chosen(40, of), [4, 9, 1, 0])
})

test('what is rare goes too when more is needed than the stale quarter has', () => {
  const isRecent = ({ chunks }: Record) => (chunks.first >= 30 ? 5 : 0)
  assert.deepEqual(
    chosen(200, isRecent),
    Array.from({ length: 20 }, (_, i) => i),
  )
  assert.equal(chosen(10_000, isRecent).length, 40)
})
