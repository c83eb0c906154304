import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryValues } from '../store/memory.ts'
import { Totals } from './totals.ts'

const NONE = { cache: 0, peers: 0, origin: 0, uploaded: 0 }

test('counters outlive the worker, and go with clear()', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const values = openMemoryValues()
  const totals = new Totals(values, () => {})
  totals.add('origin', 7)
  totals.add('cache', 5)
  totals.add('peers', 0)
  t.mock.timers.tick(1_000)
  await new Promise(setImmediate)

  const next = new Totals(values, () => {})
  next.add('origin', 1) // before what is saved has been read
  await next.load()
  assert.deepEqual(next.bytes, { ...NONE, origin: 8, cache: 5 })
  await next.clear()
  const third = new Totals(values, () => {})
  await third.load()
  assert.deepEqual(third.bytes, NONE)
})

test('uploads are counted once, by whichever worker hears of them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const values = openMemoryValues()
  const totals = new Totals(values, () => {})
  for (const sum of [10, 30, 30]) totals.uploadedSoFar('page/swarm', sum)
  t.mock.timers.tick(1_000)
  await new Promise(setImmediate)
  const next = new Totals(values, () => {})
  await next.load()
  next.uploadedSoFar('page/swarm', 40)
  next.uploadedSoFar('other page/swarm', 5)
  next.uploadedSoFar('page/swarm', 2) // the page joined anew
  assert.equal(next.bytes.uploaded, 47)
})

test('what is stored is checked', async () => {
  const values = openMemoryValues()
  for (const saved of [null, 'x', { origin: 'many', cache: Number.NaN, other: 5, uploads: {} }]) {
    await values.set('totals', saved)
    const totals = new Totals(values, () => {})
    await totals.load()
    assert.deepEqual(totals.bytes, NONE)
  }
})
