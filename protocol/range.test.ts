import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerRange, contentRange, isOpenRange, parseContentRange, rangeHeader, unsatisfiedRange } from './range.ts'

interface Vector {
  header: string | null
  size: number
  answer: 'whole' | 'unsatisfiable' | [number, number]
}
const { answers }: { answers: Vector[] } = JSON.parse(
  readFileSync(new URL('../test/vectors/range.json', import.meta.url), 'utf8'),
)

for (const { header, size, answer } of answers) {
  test(`vector: ${JSON.stringify(header)} of ${size} bytes`, () => {
    const expected =
      typeof answer === 'string' ? { kind: answer } : { kind: 'part', span: { start: answer[0], end: answer[1] } }
    assert.deepEqual(answerRange(header, size), expected)
  })
}

const size = fc.maxSafeNat()
const position = fc.oneof(fc.nat(300), fc.maxSafeNat())

test('whatever the header says, a part lies within the representation and is not empty', () => {
  const header = fc.oneof(
    fc.string(),
    fc.string().map((text) => `bytes=${text}`),
    fc.stringMatching(/^bytes=\d{0,30}-\d{0,30}$/),
  )
  fc.assert(
    fc.property(header, size, (text, bytes) => {
      const answer = answerRange(text, bytes)
      if (answer.kind !== 'part') return
      assert.ok(0 <= answer.span.start && answer.span.start < answer.span.end && answer.span.end <= bytes)
    }),
  )
})

test('first and last position select what a slice of the bytes would', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(400), fc.nat(400), (bytes, first, last) => {
      const answer = answerRange(`bytes=${first}-${last}`, bytes.length)
      if (last < first) assert.equal(answer.kind, 'whole')
      else if (first >= bytes.length) assert.equal(answer.kind, 'unsatisfiable')
      else {
        assert.ok(answer.kind === 'part')
        assert.deepEqual(bytes.slice(answer.span.start, answer.span.end), bytes.slice(first, last + 1))
      }
    }),
  )
})

test('a suffix selects the last bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 400 }), (bytes, length) => {
      const answer = answerRange(`bytes=-${length}`, bytes.length)
      assert.ok(answer.kind === 'part')
      assert.deepEqual(bytes.slice(answer.span.start, answer.span.end), bytes.slice(-length))
    }),
  )
})

test('asking for a span by rangeHeader gets exactly that span, and Content-Range tells so', () => {
  fc.assert(
    fc.property(position, fc.integer({ min: 1, max: 1e9 }), fc.nat(1e9), (start, length, rest) => {
      fc.pre(start < 1e14)
      const span = { start, end: start + length }
      const total = span.end + rest
      assert.deepEqual(answerRange(rangeHeader(span), total), { kind: 'part', span })
      assert.deepEqual(parseContentRange(contentRange(span, total)), { span, size: total })
    }),
  )
})

test('Content-Range: inclusive on the line, closed grammar', () => {
  assert.equal(contentRange({ start: 0, end: 1 }, 100), 'bytes 0-0/100')
  assert.equal(unsatisfiedRange(100), 'bytes */100')
  assert.deepEqual(parseContentRange('bytes 5-9/*'), { span: { start: 5, end: 10 }, size: undefined })
  for (const bad of [
    null,
    '',
    'bytes */100',
    'bytes 5-4/100',
    'bytes 0-100/100',
    'items 0-1/2',
    'bytes 0-1',
    'bytes=0-1/2',
  ])
    assert.equal(parseContentRange(bad), undefined, String(bad))
})

test('only a range without a last position is open', () => {
  assert.ok(isOpenRange('bytes=0-'))
  assert.ok(isOpenRange('bytes=17-'))
  for (const header of [null, 'bytes=-5', 'bytes=0-5', 'bytes=0-,5-', 'bytes=-', 'items=0-'])
    assert.ok(!isOpenRange(header))
})
