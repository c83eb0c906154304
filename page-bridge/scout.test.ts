import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex } from '../protocol/units.ts'
import { INFO_HASH } from '../test/harness/virtual-mesh.ts'
import { Scout } from './scout.ts'

const span = (first: number, after: number) => ({ first: first as ChunkIndex, after: after as ChunkIndex })

function scouting() {
  const sought: number[] = []
  let nowMs = 0
  let end = () => {}
  const scout = new Scout({
    now: () => nowMs,
    seek: (_, chunk) => {
      sought.push(chunk)
      return new Promise<void>((resolve) => {
        end = resolve
      })
    },
  })
  /** The search ends, and some time passes. */
  const pass = async (ms: number) => {
    end()
    await new Promise((resolve) => setImmediate(resolve))
    nowMs += ms
  }
  return { sought, scout, pass }
}

test('what comes after the chunks that the origin sends is looked for, at the end the chunks themselves', async () => {
  const { sought, scout, pass } = scouting()
  scout.loading(INFO_HASH, [span(0, 2), span(7, 9)], 20)
  await pass(6_000)
  scout.loading(INFO_HASH, [span(18, 20)], 20)
  assert.deepEqual(sought, [9, 18])
})

test('one search at a time, and then a rest', async () => {
  const { sought, scout, pass } = scouting()
  scout.loading(INFO_HASH, [span(0, 2)], 20)
  scout.loading(INFO_HASH, [span(2, 4)], 20)
  await pass(4_000)
  scout.loading(INFO_HASH, [span(4, 6)], 20)
  await pass(2_000)
  scout.loading(INFO_HASH, [span(6, 8)], 20)
  scout.loading(INFO_HASH, [], 20)
  assert.deepEqual(sought, [2, 8])
})
