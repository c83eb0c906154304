import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Id } from './id.ts'
import { Outcasts } from './outcasts.ts'

const MIN_MS = 60_000
const id = (number: number): Id => number.toString(16).padStart(40, '0') as Id

test('an outcast is refused for ten minutes', () => {
  const outcasts = new Outcasts()
  outcasts.add(id(1), 0)
  assert.ok(outcasts.has(id(1), 9 * MIN_MS))
  assert.ok(!outcasts.has(id(1), 10 * MIN_MS))
  assert.ok(!outcasts.has(id(2), 0))
})

test('of too many the oldest is forgotten', () => {
  const outcasts = new Outcasts()
  for (let number = 1; number <= 257; number++) outcasts.add(id(number), number)
  assert.ok(!outcasts.has(id(1), 300))
  assert.ok(outcasts.has(id(2), 300) && outcasts.has(id(257), 300))
})
