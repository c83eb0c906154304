import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_SIZE } from '../protocol/units.ts'
import { Assembly } from './assembly.ts'

const BLOCKS = 12
const LENGTH = (BLOCKS - 1) * BLOCK_SIZE + 100
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const content = new Uint8Array(LENGTH).map((_, i) => (i >> 14) * 17 + i)
const blockOf = (block: number) => content.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
const wrong = (block: number) => blockOf(block).map((byte) => byte ^ 1)
const leaves = Array.from({ length: BLOCKS }, (_, block) => sha256(blockOf(block)))
const all = Array.from({ length: BLOCKS }, (_, block) => block)

test('without leaves, one source drafts all of it', () => {
  const assembly = new Assembly<string>(LENGTH)
  assert.deepEqual(assembly.claim('a'), { low: 0, high: BLOCKS })
  assert.equal(assembly.isOpen, false)
  assert.equal(assembly.put('b', 0, blockOf(0)), 'refused')
  assert.deepEqual(
    all.map((block) => assembly.put('a', block, blockOf(block))),
    all.map((block) => (block === BLOCKS - 1 ? 'whole' : 'drafted')),
  )
  assert.deepEqual(assembly.draftOf('a'), content)
})

test('a draft is lost with its source; the spare goes on alone', () => {
  const assembly = new Assembly<string>(LENGTH)
  assembly.claim('a')
  assembly.double('b')
  assembly.put('a', 0, blockOf(0))
  assembly.put('b', 11, blockOf(11))
  assembly.release('a')
  assert.equal(assembly.isOpen, false)
  assert.deepEqual(
    all.filter((block) => assembly.lacks('b', block)),
    all.slice(0, 11),
  )
  assembly.release('b')
  assert.equal(assembly.isOpen, true)
  assert.deepEqual(assembly.claim('c'), { low: 0, high: BLOCKS })
})

test('what was drafted counts once there are leaves, each block for who sent it', () => {
  const assembly = new Assembly<string>(LENGTH)
  assembly.claim('a')
  assembly.double('b')
  for (const block of [0, 1, 2]) assembly.put('a', block, blockOf(block))
  for (const block of [11, 2]) assembly.put('b', block, wrong(block))
  const here = assembly.prove(leaves)
  assert.deepEqual(here, [
    { block: 0, source: 'a' },
    { block: 1, source: 'a' },
    { block: 2, source: 'a' },
    { block: 11, source: 'b' },
  ])
  const good = here.map(({ block }) => assembly.settle(block, sha256(assembly.blockBytes(block))))
  assert.deepEqual(good, [true, true, true, false])
  assert.equal(assembly.prefix.length, 3 * BLOCK_SIZE)
})

test('a wrong block is missing again', () => {
  const assembly = new Assembly<string>(LENGTH)
  assembly.prove(leaves)
  assembly.claim('a')
  assert.equal(assembly.put('a', 5, wrong(5)), 'placed')
  assert.equal(assembly.settle(5, sha256(wrong(5))), false)
  assembly.release('a')
  assert.deepEqual(assembly.claim('b'), { low: 0, high: BLOCKS })
  assert.equal(assembly.put('b', 5, blockOf(5)), 'placed')
  assert.equal(assembly.settle(5, sha256(blockOf(5))), true)
})

type Step =
  | { readonly kind: 'claim' | 'double' | 'release'; readonly source: string }
  | { readonly kind: 'handOver'; readonly source: string; readonly to: string; readonly count: number }
  | { readonly kind: 'put'; readonly source: string; readonly block: number; readonly good: boolean }
  | { readonly kind: 'prove' }

const source = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('claim', 'double', 'release'), source }),
  fc.record({ kind: fc.constant('handOver'), source, to: source, count: fc.nat(BLOCKS) }),
  fc.record({ kind: fc.constant('put'), source, block: fc.nat(BLOCKS - 1), good: fc.boolean() }),
  fc.record({ kind: fc.constant('prove') }),
)

/** Does what a downloader may do at this moment. */
function take(assembly: Assembly<string>, step: Step, hashing: Set<number>): void {
  if (step.kind === 'claim' && assembly.isOpen) assembly.claim(step.source)
  else if (step.kind === 'double' && !assembly.isOpen && assembly.spare === undefined) assembly.double(step.source)
  else if (step.kind === 'release') assembly.release(step.source)
  else if (step.kind === 'handOver' && assembly.hasLeaves) assembly.handOver(step.source, step.to, step.count)
  else if (step.kind === 'prove' && !assembly.hasLeaves)
    for (const { block } of assembly.prove(leaves)) hashing.add(block)
  else if (step.kind === 'put') {
    const bytes = step.good ? blockOf(step.block) : wrong(step.block)
    if (assembly.put(step.source, step.block, bytes) === 'placed') hashing.add(step.block)
  }
}

test('no block is ever forgotten: somebody is to bring it, or it is there to be claimed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, settlesLate) => {
      const assembly = new Assembly<string>(LENGTH)
      const hashing = new Set<number>()
      const settle = () => {
        for (const block of hashing) assembly.settle(block, sha256(assembly.blockBytes(block)))
        hashing.clear()
      }
      for (const each of steps) {
        take(assembly, each, hashing)
        if (!settlesLate) settle()
      }
      settle()
      if (!assembly.hasLeaves) for (const { block } of assembly.prove(leaves)) hashing.add(block)
      settle()
      // Whoever is at work brings what it is to bring, and one more all the rest.
      for (const name of ['a', 'b', 'c'])
        for (const block of all) if (assembly.put(name, block, blockOf(block)) === 'placed') hashing.add(block)
      while (assembly.isOpen) {
        const { low, high } = assembly.claim('d')
        assert.ok(low < high, 'open, and nothing to claim')
        for (let block = low; block < high; block++)
          if (assembly.put('d', block, blockOf(block)) === 'placed') hashing.add(block)
      }
      settle()
      assert.equal(assembly.isWhole, true)
      assert.ok(Buffer.from(assembly.bytes).equals(content))
      assert.equal(assembly.prefix.length, LENGTH)
    }),
    { numRuns: 500 },
  )
})
