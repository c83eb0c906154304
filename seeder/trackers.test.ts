import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeederError } from './errors.ts'
import { trackersOf } from './trackers.ts'

const PATH = '/announce'
const FAR = 'wss://far.example/announce'

test('which trackers are used', () => {
  const origin = 'https://site.example:8443/sub/'
  assert.deepEqual(trackersOf([PATH, FAR], { announce: [], origin }), ['wss://site.example:8443/announce', FAR])
  assert.deepEqual(trackersOf([PATH], { announce: [], origin: 'http://[::1]:80/' }), ['ws://[::1]/announce'])
  assert.deepEqual(trackersOf([PATH, FAR], { announce: [] }), [FAR])
  assert.deepEqual(trackersOf([PATH, FAR], { announce: ['ws://own/', 'ws://own/'], origin }), ['ws://own/'])
  assert.deepEqual(trackersOf([FAR, FAR], { announce: [] }), [FAR])
})

test('without any there is nothing to announce to', () => {
  assert.throws(() => trackersOf([], { announce: [], origin: 'https://a.example/' }), SeederError)
  assert.throws(() => trackersOf([PATH], { announce: [] }), /path on the site's own host/)
})
