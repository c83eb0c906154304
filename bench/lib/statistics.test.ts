import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shown, summarise } from './statistics.ts'

test('the median of an even sample lies between its middle values', () => {
  assert.deepEqual(summarise([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4, count: 4 })
})

test('nothing measured has no median', () => {
  assert.throws(() => summarise([]), RangeError)
})

test('at most half of the values lie on either side of the median', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })
  fc.assert(
    fc.property(fc.array(finite, { minLength: 1 }), (values) => {
      const { median } = summarise(values)
      assert.ok(values.filter((value) => value < median).length <= values.length / 2)
      assert.ok(values.filter((value) => value > median).length <= values.length / 2)
    }),
  )
})

test('a single value is shown without a range', () => {
  assert.equal(shown([2]), '2')
  assert.equal(shown([2.04, 1.96, 3], 1), '2.0 (2.0-3.0)')
})
