import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Egress, LineClock } from './egress.ts'

const rate = fc.integer({ min: 1_000, max: 1e9 })

test('a line passes no more than its rate and its lateness, however it is asked', () => {
  const sends = fc.array(
    fc.record({ bytes: fc.integer({ min: 1, max: 65_536 }), idleMs: fc.oneof(fc.nat(3), fc.nat(1000)) }),
    {
      maxLength: 200,
    },
  )
  fc.assert(
    fc.property(rate, sends, (bytesPerSecond, steps) => {
      const line = new LineClock()
      let nowMs = 1000
      let sent = 0
      let last = 0
      for (const { bytes, idleMs } of steps) {
        nowMs += idleMs + line.waitMs(nowMs + idleMs)
        line.send(bytes, bytesPerSecond, nowMs)
        sent += bytes
        last = bytes
        const allowed = (bytesPerSecond * (nowMs - 1000 + 250)) / 1000 + last
        assert.ok(sent <= allowed + 1, `${sent} bytes by ${nowMs - 1000} ms, ${allowed} allowed`)
      }
    }),
  )
})

test('a line that is always asked passes its whole rate', () => {
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 65_536 }), (bytesPerSecond, bytes) => {
      const line = new LineClock()
      let nowMs = 0
      for (let i = 0; i < 100; i++) {
        nowMs += line.waitMs(nowMs)
        line.send(bytes, bytesPerSecond, nowMs)
      }
      const neededMs = (1000 * 99 * bytes) / bytesPerSecond
      assert.ok(nowMs <= neededMs + 1e-6 * neededMs)
    }),
  )
})

test('a line that was idle for long has no more than a burst saved up', () => {
  const line = new LineClock()
  line.send(1000, 1000, 0)
  line.send(500, 1000, 10_000)
  assert.equal(line.waitMs(10_000), 480)
})

test('lateness is made up for', () => {
  const line = new LineClock()
  line.send(1000, 1000, 0)
  const lateMs = line.waitMs(0) + 200
  line.send(500, 1000, lateMs)
  assert.equal(line.waitMs(lateMs), 300)
})

test('responses take turns', async () => {
  const egress = new Egress(1e6)
  const order: string[] = []
  const { signal } = new AbortController()
  const respond = async (name: string) => {
    for (let i = 0; i < 5; i++) {
      await egress.turn(1000, signal)
      order.push(name)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(respond))
  for (let round = 0; round < 5; round++)
    assert.deepEqual(order.slice(3 * round, 3 * round + 3).sort(), ['a', 'b', 'c'])
})

test('whoever leaves the queue does not hold it up', async () => {
  const egress = new Egress(1)
  const stay = new AbortController()
  const leave = new AbortController()
  await egress.turn(1, stay.signal)
  const left = egress.turn(1, leave.signal)
  const waiting = egress.turn(7, stay.signal)
  leave.abort()
  await assert.rejects(left, { name: 'AbortError' })
  egress.rate = undefined
  assert.equal(await waiting, 7)
})

test('without a limit all is granted at once', async () => {
  assert.equal(await new Egress().turn(123_456, new AbortController().signal), 123_456)
})
