import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Throughput } from './throughput.ts'

function clock(t: TestContext): (ms: number) => void {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  return (ms) => t.mock.timers.tick(ms)
}

test('it counts the time in which something is under way, and no other', (t) => {
  const pass = clock(t)
  const throughput = new Throughput()
  pass(5_000)
  throughput.begin()
  throughput.begin()
  pass(100)
  throughput.add(500)
  throughput.end()
  pass(100)
  throughput.add(500)
  throughput.end()
  pass(60_000)
  assert.equal(throughput.perMs, 5)
})

test('nothing is known until something came, or should have come', (t) => {
  const pass = clock(t)
  const throughput = new Throughput()
  assert.equal(throughput.perMs, undefined)
  throughput.begin()
  pass(900)
  assert.equal(throughput.perMs, undefined)
  pass(100)
  assert.equal(throughput.perMs, 0)
})

test('little that came at once tells nothing', (t) => {
  const pass = clock(t)
  const throughput = new Throughput(1_000)
  throughput.begin()
  pass(50)
  throughput.add(999)
  assert.equal(throughput.perMs, undefined)
  throughput.add(1)
  assert.equal(throughput.perMs, 20)
})

test('what was fast long ago does not hide that it is slow now', (t) => {
  const pass = clock(t)
  const throughput = new Throughput()
  throughput.begin()
  pass(1_000)
  throughput.add(1_000_000)
  assert.equal(throughput.perMs, 1_000)
  for (let second = 0; second < 12; second++) {
    pass(1_000)
    throughput.add(1_000)
    assert.ok(throughput.perMs !== undefined)
  }
  assert.ok((throughput.perMs ?? 0) < 40, `${throughput.perMs}`)
})
