import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex } from '../../protocol/units.ts'
import type { Id } from '../dht/id.ts'
import { Lookup } from './lookup.ts'

const id = (digit: string): Id => digit.repeat(40) as Id
/** Chunks 512 and 514. */
const HOLDS = Uint8Array.of(0b10100000)

function lookingUp(chunk: number) {
  const said: string[] = []
  const hooks = { useless: (other: Id) => void said.push(`useless ${other[0]}`), stop: () => void said.push('stop') }
  return { said, lookup: new Lookup(chunk as ChunkIndex, hooks) }
}

test('holders come as they are found, until the search is over', async () => {
  const { lookup } = lookingUp(514)
  const first = lookup.next()
  lookup.found([{ id: id('a'), bits: HOLDS }])
  assert.deepEqual(await first, { done: false, value: id('a') })
  lookup.found([{ id: id('b'), bits: HOLDS }])
  lookup.searched()
  assert.deepEqual(await lookup.next(), { done: false, value: id('b') })
  assert.deepEqual(await lookup.next(), { done: true, value: undefined })
})

test('who has other chunks of the region is no holder: the search goes on', async () => {
  const { said, lookup } = lookingUp(513)
  lookup.found([{ id: id('a'), bits: HOLDS }])
  assert.deepEqual(said, ['useless a'])
  const next = lookup.next()
  lookup.searched()
  assert.deepEqual(await next, { done: true, value: undefined })
})

test('a stream that had ended goes on when a holder turns out to be useless', async () => {
  const { lookup } = lookingUp(512)
  lookup.found([{ id: id('a'), bits: HOLDS }])
  lookup.searched()
  await lookup.next()
  lookup.useless(id('a'))
  const next = lookup.next()
  lookup.found([{ id: id('b'), bits: HOLDS }])
  assert.deepEqual(await next, { done: false, value: id('b') })
})

test('whoever reads no more ends the search, for all who wait', async () => {
  const { said, lookup } = lookingUp(512)
  const waiting = [lookup.next(), lookup.next()]
  await lookup.return()
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ done }) => done),
    [true, true],
  )
  assert.deepEqual(said, ['stop'])
})
