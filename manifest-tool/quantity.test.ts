import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from './failure.ts'
import { parseChunkSize, parseRate, parseSize, shownSize } from './quantity.ts'

test('sizes', () => {
  assert.equal(parseSize('4096'), 4096)
  assert.equal(parseSize('1MiB'), 1_048_576)
  assert.equal(parseSize('1.5 kb'), 1500)
  assert.equal(parseSize('10GiB'), 10 * 2 ** 30)
  for (const bad of ['', 'MiB', '-1', '1 MiBs', '1e3', '0x10', 'Infinity']) assert.throws(() => parseSize(bad), Failure)
})

test('rates, in bits or bytes a second', () => {
  assert.equal(parseRate('32Mbit'), 4_000_000)
  assert.equal(parseRate('32Mbit/s'), 4_000_000)
  assert.equal(parseRate('32 mbps'), 4_000_000)
  assert.equal(parseRate('4MB/s'), 4_000_000)
  assert.equal(parseRate('4MiB/s'), 4 * 2 ** 20)
  for (const bad of ['', '32', '0Mbit', '32M', '4MiB', '-1Mbit']) assert.throws(() => parseRate(bad), Failure)
})

test('chunk sizes', () => {
  assert.equal(parseChunkSize('auto'), 'auto')
  assert.equal(parseChunkSize('32KiB'), 32768)
  for (const bad of ['16KiB', '32MiB', '48KiB', '0', 'Auto']) assert.throws(() => parseChunkSize(bad), Failure)
})

test('sizes for people', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 2 ** 40].map(shownSize), ['0 B', '1023 B', '1 KiB', '1.5 KiB', '1 TiB'])
})
