import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VirtualTime } from './time.ts'
import { type Timer, TimerHeap } from './timer-heap.ts'

test('timers come in the order of their times, and those of one time as they were set', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ atMs: fc.nat(20), removed: fc.boolean() })), (plans) => {
      const heap = new TimerHeap()
      const timers = plans.map(({ atMs }) => heap.add(atMs, () => undefined))
      for (const [i, { removed }] of plans.entries()) if (removed && timers[i]) heap.remove(timers[i])
      const taken: Timer[] = []
      for (let next = heap.takeNext(); next; next = heap.takeNext()) taken.push(next)
      const expected = timers.filter((_, i) => !plans[i]?.removed).sort((a, b) => a.atMs - b.atMs || a.order - b.order)
      assert.deepEqual(taken, expected)
    }),
  )
})

test('promises run to their end before time goes on', async () => {
  const time = new VirtualTime()
  const seen: number[] = []
  time.after(5, async () => {
    for (let i = 0; i < 100; i++) await undefined
    seen.push(time.now())
  })
  time.after(6, () => seen.push(time.now()))
  await time.until(new Promise<void>((resolve) => time.after(7, resolve)), 100)
  assert.deepEqual(seen, [5, 6])
})

test('what nothing can bring about any more is an error', async () => {
  const time = new VirtualTime()
  await assert.rejects(time.until(new Promise(() => undefined), 100))
  time.after(200, () => undefined)
  await assert.rejects(time.until(new Promise(() => undefined), 100))
})
