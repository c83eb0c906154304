import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INFO_HASH, VirtualClock } from '../../test/harness/virtual-mesh.ts'
import { Provisions } from './provisions.ts'

function providing() {
  const clock = new VirtualClock()
  const said: string[] = []
  const provisions = new Provisions({
    clock,
    handle: ({ region, bits }) => void said.push(`${region}: ${Buffer.from(bits).toString('hex')}`),
  })
  return { clock, said, provisions }
}

/** Bits of 520 chunks, of which some are held. */
function bitsOf(...bytes: [at: number, value: number][]): Uint8Array {
  const bits = new Uint8Array(65)
  for (const [at, value] of bytes) bits[at] = value
  return bits
}
const first = (value: number) => Buffer.from(bitsOf([0, value]).subarray(0, 64)).toString('hex')

test('nothing is told before there are links, and all of it soon after', async () => {
  const { clock, said, provisions } = providing()
  provisions.add(INFO_HASH, () => bitsOf([0, 0x80], [64, 0x40]))
  await clock.advance(60_000)
  assert.deepEqual(said, [])
  provisions.linked(1)
  await clock.advance(2_000)
  assert.deepEqual(said, [`0: ${first(0x80)}`, '1: 40'])
})

test('with enough links there is nothing to wait for; changes are told together, by region', async () => {
  const { clock, said, provisions } = providing()
  let bits = bitsOf()
  provisions.add(INFO_HASH, () => bits)
  provisions.linked(4)
  bits = bitsOf([0, 0x80])
  provisions.changed(INFO_HASH)
  bits = bitsOf([0, 0xc0])
  provisions.changed(INFO_HASH)
  await clock.advance(1_000)
  assert.deepEqual(said, [`0: ${first(0xc0)}`])
})

test('who holds nothing any more, or leaves, says so', async () => {
  const { clock, said, provisions } = providing()
  let bits = bitsOf([64, 0x80])
  provisions.add(INFO_HASH, () => bits)
  provisions.linked(4)
  bits = bitsOf()
  provisions.changed(INFO_HASH)
  await clock.advance(1_000)
  provisions.remove(INFO_HASH)
  assert.deepEqual(said, ['1: 80', '1: 00', '1: '])
})
