import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkId } from '../peer.ts'
import type { Id } from './id.ts'
import { type Held, RecordStore } from './record-store.ts'

const id = (number: number): Id => number.toString(16).padStart(40, '0') as Id
const KEY = id(0xabc)
const ALL = Uint8Array.of(0xf0)

function held(number: number, changes: { sequence?: number; bits?: Uint8Array } & Partial<Held> = {}): Held {
  const { sequence = 1, bits = ALL, ...rest } = changes
  const publicKey = new Uint8Array(32).fill(number)
  const record = { publicKey, sequence, expires: 10_000 + number, bits, signature: new Uint8Array(64) }
  return {
    provider: id(number),
    record,
    place: 'told',
    from: (number % 8) as LinkId,
    untilMs: 1000,
    spreadMs: 0,
    ...rest,
  }
}

function filled(count: number, changes: Parameters<typeof held>[1] = {}): RecordStore {
  const store = new RecordStore()
  for (let number = 1; number <= count; number++) assert.ok(store.put(KEY, held(number, changes), 0))
  return store
}

test('records come back newest first, and are gone when their time is over', () => {
  const store = filled(3)
  assert.deepEqual(
    store.of(KEY, 0).map(({ provider }) => provider),
    [id(3), id(2), id(1)],
  )
  assert.deepEqual(store.of(KEY, 1000), [])
  assert.equal(store.size, 0)
})

test('one link that brings ever more does not drive out what others bring', () => {
  const store = new RecordStore()
  const from = (link: number) => ({ from: link as LinkId })
  const ofLink = (link: number) => store.of(KEY, 0).filter((one) => one.from === link).length
  for (let number = 1; number <= 100; number++) store.put(KEY, held(number, from(number % 6)), 0)
  assert.equal(store.of(KEY, 0).length, 64)
  for (let number = 101; number <= 120; number++) store.put(KEY, held(number, from(1)), 0)
  assert.ok(ofLink(1) <= 12)
  for (let number = 201; number <= 209; number++) assert.ok(store.put(KEY, held(number, from(7)), 0))
  assert.equal(store.of(KEY, 0).length, 64)
  assert.equal(ofLink(7), 9)
})

test('of what providers leave here themselves nothing is lost to what others tell', () => {
  const store = filled(64)
  for (let number = 101; number <= 110; number++) {
    assert.ok(store.put(KEY, held(number, { place: 'given', from: number as LinkId }), 0))
  }
  assert.equal(store.put(KEY, held(200, { from: 99 as LinkId }), 0), true)
  const given = store.of(KEY, 0).filter(({ place }) => place === 'given')
  assert.equal(given.length, 10)
})

test('what one link leaves for many providers counts as given for few of them, and is kept for few', () => {
  const store = new RecordStore()
  const from = 1 as LinkId
  for (let number = 1; number <= 30; number++) store.put(KEY, held(number, { place: 'given', from }), 0)
  const places = store.of(KEY, 0).map(({ place }) => place)
  assert.equal(places.filter((place) => place === 'given').length, 8)
  assert.equal(places.length, 20)
})

test('a record that was given stays so when somebody tells of a newer one', () => {
  const store = new RecordStore()
  store.put(KEY, held(1, { place: 'given' }), 0)
  store.put(KEY, held(1, { sequence: 2, from: 30 as LinkId }), 0)
  assert.equal(store.get(KEY, id(1))?.place, 'given')
  assert.equal(store.get(KEY, id(1))?.record.sequence, 2)
})

test('an older record of the same provider does not take the place of a newer one', () => {
  const store = new RecordStore()
  store.put(KEY, held(1, { sequence: 5 }), 0)
  assert.equal(store.put(KEY, held(1, { sequence: 4 }), 0), false)
  assert.equal(store.put(KEY, held(1, { sequence: 5 }), 0), false)
  assert.equal(store.put(KEY, held(1, { sequence: 6 }), 0), true)
  assert.equal(store.size, 1)
})

test('a key has a bounded number of records', () => {
  const store = filled(64)
  assert.equal(store.put(KEY, held(65), 0), false)
  assert.equal(store.of(KEY, 0).length, 64)
})

test('where a key is full, a record of a scarce chunk takes the place of one that nobody would miss', () => {
  const store = filled(64)
  assert.equal(store.put(KEY, held(65, { bits: Uint8Array.of(0x08) }), 0), true)
  assert.equal(store.of(KEY, 0).length, 64)
  assert.ok(store.get(KEY, id(65)))
})

test('one link fills a part of the store and no more', () => {
  const store = new RecordStore()
  const from = 1 as LinkId
  let kept = 0
  for (let number = 1; number <= 1000; number++) if (store.put(id(number), held(1, { from }), 0)) kept++
  assert.equal(kept, 256)
  assert.equal(store.put(id(5000), held(1, { from: 2 as LinkId }), 0), true)
})

test('the store is bounded; what merely came by makes room first', () => {
  const store = new RecordStore()
  let number = 0
  const add = (count: number, place: Held['place']) => {
    for (let i = 0; i < count; i++) {
      number++
      store.put(id(number), held(1, { place, from: number as LinkId, untilMs: 1000 + number }), 0)
    }
  }
  add(500, 'path')
  add(1000, 'told')
  assert.equal(store.size, 1024)
  assert.ok(store.get(id(1500), id(1)))
  assert.ok(store.get(id(501), id(1)))
  assert.equal(store.get(id(1), id(1)), undefined)
})

test('of those who merely came by few are kept for one key', () => {
  const store = new RecordStore()
  for (let number = 1; number <= 20; number++) store.put(KEY, held(number, { place: 'path' }), 0)
  assert.equal(store.size, 8)
})
