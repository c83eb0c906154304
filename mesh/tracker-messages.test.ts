import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { InfoHash } from '../protocol/units.ts'
import { peerId } from '../test/harness/virtual-mesh.ts'
import { encodeAnnounce, encodeAnswer, type OfferId, parseTrackerMessage } from './tracker-messages.ts'
import { rendezvousOrder } from './tracker-pool.ts'

const INFO_HASH = 'ff00112233445566778899aabbccddeeff001122' as InfoHash
const OFFER_ID = '00ff'.repeat(10) as OfferId
const binary = (hex: string) =>
  (hex.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16))).join('')

test('announce: wire text and back', () => {
  const text = encodeAnnounce({
    infoHash: INFO_HASH,
    peerId: peerId(5),
    event: 'started',
    uploaded: 1,
    downloaded: 2,
    left: 3,
    offers: [{ offerId: OFFER_ID, sdp: 'v=0' }],
  })
  assert.deepEqual(JSON.parse(text), {
    action: 'announce',
    info_hash: binary(INFO_HASH),
    peer_id: binary(peerId(5)),
    event: 'started',
    uploaded: 1,
    downloaded: 2,
    left: 3,
    numwant: 1,
    offers: [{ offer_id: binary(OFFER_ID), offer: { type: 'offer', sdp: 'v=0' } }],
  })
})

test('an answer is read as its sender wrote it', () => {
  const text = encodeAnswer({
    infoHash: INFO_HASH,
    peerId: peerId(5),
    toPeerId: peerId(6),
    offerId: OFFER_ID,
    sdp: 'v=0',
  })
  assert.deepEqual(parseTrackerMessage(text), {
    kind: 'answer',
    infoHash: INFO_HASH,
    peerId: peerId(5),
    offerId: OFFER_ID,
    sdp: 'v=0',
  })
})

test('whatever a tracker says, reading it does not throw', () => {
  const field = fc.oneof(fc.jsonValue(), fc.constant(binary(INFO_HASH)), fc.constant({ type: 'offer', sdp: 'x' }))
  const message = fc.record(
    {
      action: fc.constantFrom('announce', 'scrape', 1),
      info_hash: field,
      offer: field,
      answer: field,
      peer_id: field,
      offer_id: field,
      interval: field,
      complete: field,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        message.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        assert.match(parseTrackerMessage(text).kind, /^(announced|offer|answer|failure|nonsense)$/)
      },
    ),
  )
})

test('every peer of a swarm prefers the same tracker, and swarms spread over all', () => {
  const urls = ['wss://a/', 'wss://b/', 'wss://c/', 'wss://d/']
  const firsts = new Map<string, number>()
  for (let i = 0; i < 400; i++) {
    const infoHash = peerId(i * 7919) as string as InfoHash
    const [first = ''] = rendezvousOrder(urls, infoHash)
    assert.deepEqual(rendezvousOrder([...urls].reverse(), infoHash), rendezvousOrder(urls, infoHash))
    firsts.set(first, (firsts.get(first) ?? 0) + 1)
  }
  for (const url of urls) assert.ok((firsts.get(url) ?? 0) > 60, `${url}: ${firsts.get(url)} of 400`)
})
