import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex } from '../protocol/units.ts'
import { INFO_HASH, VirtualClock } from '../test/harness/virtual-mesh.ts'
import { Scout } from './scout.ts'

const span = (first: number, after: number) => ({ first: first as ChunkIndex, after: after as ChunkIndex })

function scouting(isOffered = false) {
  const clock = new VirtualClock()
  const sought: { readonly chunk: number; readonly atS: number }[] = []
  let end = () => {}
  const scout = new Scout({
    clock,
    seek: (_, chunk) => {
      sought.push({ chunk, atS: clock.now() / 1000 })
      return new Promise<boolean>((resolve) => {
        end = () => resolve(isOffered)
      })
    },
  })
  /** The search that is under way ends, and some time passes. */
  const pass = async (ms: number) => {
    end()
    await clock.advance(ms)
  }
  const chunks = () => sought.map(({ chunk }) => chunk)
  return { sought, chunks, scout, pass }
}

test('what comes after the chunks that the origin sends is looked for, at the end the chunks themselves', async () => {
  const { chunks, scout, pass } = scouting()
  scout.loading(INFO_HASH, [span(0, 2), span(7, 9)], 20)
  scout.loading(INFO_HASH, [], 20)
  await pass(6_000)
  scout.loading(INFO_HASH, [span(18, 20)], 20)
  assert.deepEqual(chunks(), [9, 18])
})

test('one search at a time, and then a rest', async () => {
  const { chunks, scout, pass } = scouting()
  scout.loading(INFO_HASH, [span(0, 2)], 20)
  scout.loading(INFO_HASH, [span(2, 4)], 20)
  await pass(4_000)
  scout.loading(INFO_HASH, [span(4, 6)], 20)
  assert.deepEqual(chunks(), [2])
  await pass(1_000)
  assert.deepEqual(chunks(), [2, 6])
})

test('as long as the origin sends, holders are looked for again: after every vain search later', async () => {
  const { sought, scout, pass } = scouting()
  scout.loading(INFO_HASH, [span(0, 2)], 20)
  for (let s = 0; s < 70; s++) await pass(1_000)
  assert.deepEqual(
    sought.map(({ atS }) => atS),
    [0, 5, 15, 35, 65],
  )
  scout.loading(INFO_HASH, [], 20)
  for (let s = 0; s < 70; s++) await pass(1_000)
  assert.equal(sought.length, 5)
})

test('who has been found is asked for at once, should it be lost', async () => {
  const { sought, scout, pass } = scouting(true)
  scout.loading(INFO_HASH, [span(0, 2)], 20)
  for (let s = 0; s < 11; s++) await pass(1_000)
  assert.equal(sought.length, 3)
  scout.close()
  for (let s = 0; s < 11; s++) await pass(1_000)
  assert.equal(sought.length, 3)
})
