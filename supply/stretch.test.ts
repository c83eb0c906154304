import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChunkIndex } from '../protocol/units.ts'
import { type Field, pickStretch } from './stretch.ts'

const chunk = (index: number) => index as ChunkIndex
const none = () => false

/** Dice that fall as told, the last one for ever. */
function dice(...values: number[]): () => number {
  return () => (values.length > 1 ? values.shift() : values[0]) ?? 0
}

function field(rest: Partial<Field>): Field {
  const chunks = { first: chunk(10), after: chunk(30) }
  return {
    chunks,
    isFree: () => true,
    isTheirs: none,
    most: 4,
    next: undefined,
    peers: 3,
    random: dice(0.9),
    isSpare: none,
    ...rest,
  }
}

test('one of the crowd takes the first chunks that nobody has', () => {
  const taken = (index: number) => index < 12
  assert.deepEqual(pickStretch(field({ random: dice(0.24), isTheirs: taken })), { first: 12, after: 16 })
  assert.deepEqual(pickStretch(field({ random: dice(0), isFree: (index) => !taken(index) })), { first: 12, after: 16 })
})

test('the others begin anywhere, and take what lies before as well at the end', () => {
  assert.deepEqual(pickStretch(field({ random: dice(0.26, 0.5) })), { first: 20, after: 24 })
  assert.deepEqual(pickStretch(field({ random: dice(0.26, 0.99) })), { first: 26, after: 30 })
})

test('it goes on where it left off, unless that is where another one is, too', () => {
  const random = dice(0.26, 0)
  assert.deepEqual(pickStretch(field({ random, next: chunk(15) })), { first: 15, after: 19 })
  const beside = (index: number) => index === 14
  assert.deepEqual(pickStretch(field({ random, next: chunk(15), isTheirs: beside })), { first: 10, after: 14 })
})

test('what peers have is fetched only when it is worth it', () => {
  const isFree = (index: number) => index >= 20
  const theirs = () => true
  assert.equal(pickStretch(field({ isFree, isTheirs: theirs })), undefined)
  assert.deepEqual(pickStretch(field({ isFree, isTheirs: theirs, isSpare: isFree })), { first: 20, after: 24 })
  assert.equal(pickStretch(field({ isFree: none })), undefined)
})

test('whatever the dice say: free chunks that nobody else has, within bounds, and some while there are any', () => {
  const mask = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 })
  const unit = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const shape = fc.record({
    free: mask,
    theirs: mask,
    most: fc.integer({ min: 1, max: 30 }),
    next: fc.nat(40),
    a: unit,
    b: unit,
  })
  fc.assert(
    fc.property(shape, ({ free, theirs, most, next, a, b }) => {
      const isFree = (index: number) => free[index - 10] ?? false
      const isTheirs = (index: number) => theirs[index - 10] ?? false
      const stretch = pickStretch(field({ isFree, isTheirs, most, next: chunk(next), random: dice(a, b) }))
      const open = free.some((is, i) => is && !theirs[i])
      assert.equal(stretch !== undefined, open)
      if (!stretch) return
      assert.ok(stretch.first >= 10 && stretch.after <= 30 && stretch.after > stretch.first)
      assert.ok(stretch.after - stretch.first <= most)
      for (let index: number = stretch.first; index < stretch.after; index++)
        assert.ok(isFree(index) && !isTheirs(index), `chunk ${index}`)
    }),
  )
})
