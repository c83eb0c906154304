import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Business } from './strain.ts'

const task = (startTime: number, duration: number) => ({ startTime, duration })

test('a page is busy when long tasks take a quarter of a second in one', () => {
  const business = new Business()
  assert.equal(business.add([task(0, 100)]), false)
  assert.equal(business.add([task(300, 100)]), false)
  assert.equal(business.add([task(600, 60)]), true)
})

test('long tasks far from one another do not add up', () => {
  const business = new Business()
  for (let startMs = 0; startMs < 60_000; startMs += 600)
    assert.equal(business.add([task(startMs, 100)]), false, `at ${startMs}`)
})

test('one very long task is enough', () => {
  assert.equal(new Business().add([task(0, 800)]), true)
})

test('many at once are seen as they were', () => {
  const business = new Business()
  assert.equal(business.add([task(0, 90), task(2_000, 90), task(4_000, 90)]), false)
  assert.equal(business.add([task(4_100, 90), task(4_200, 90)]), true)
})
