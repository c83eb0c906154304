import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { channelOf } from './channel.ts'

const description = (fingerprint: string, password = 'p', end = '\r\n') =>
  [
    'v=0',
    'm=application 9',
    `a=ice-ufrag:u${fingerprint}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:sha-256 ${fingerprint}`,
  ]
    .concat('a=setup:actpass', '')
    .join(end)

interface Vectors {
  readonly channels: readonly { readonly one: string; readonly other: string; readonly digest: string }[]
}

test('what nodes sign about two descriptions, as others work it out', () => {
  const vectors: Vectors = JSON.parse(readFileSync(new URL('../test/vectors/dht.json', import.meta.url), 'utf8'))
  assert.ok(vectors.channels.length > 0)
  for (const { one, other, digest } of vectors.channels) {
    const text = channelOf(one, other) ?? ''
    assert.equal(createHash('sha256').update(text).digest('hex'), digest)
  }
})

test('both sides read the same channel out of the two descriptions', () => {
  const [ours, theirs] = [description('AA'), description('BB')]
  assert.equal(channelOf(ours, theirs), channelOf(theirs, ours))
  assert.equal(channelOf(description('AA', 'p', '\n'), theirs), channelOf(ours, theirs))
})

test('another certificate, or another negotiation, is another channel', () => {
  const channel = channelOf(description('AA'), description('BB'))
  assert.notEqual(channelOf(description('AA'), description('CC')), channel)
  assert.notEqual(channelOf(description('AA', 'q'), description('BB')), channel)
})

test('what is said twice counts once, and a description without a certificate has no channel', () => {
  const twice = `${description('AA')}${description('AA')}`
  assert.equal(channelOf(twice, description('BB')), channelOf(description('AA'), description('BB')))
  assert.equal(channelOf('v=0', description('BB')), undefined)
})
