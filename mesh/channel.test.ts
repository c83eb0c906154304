import assert from 'node:assert/strict'
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
