import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { INFO_HASH, peerId } from '../test/harness/virtual-mesh.ts'
import { encodeAnnounce, type OfferId, parseTrackerMessage } from './tracker-messages.ts'
import { encodeAnnounced, parseAnnounce } from './tracker-requests.ts'

const offerId = 'ab'.repeat(20) as OfferId
const announce = {
  infoHash: INFO_HASH,
  peerId: peerId(7),
  uploaded: 0,
  downloaded: 0,
  left: 1,
  offers: [{ offerId, sdp: 'v=0' }],
}

test('what a client announces is what is heard', () => {
  const { infoHash, peerId: from, offers } = announce
  assert.deepEqual(parseAnnounce(encodeAnnounce(announce)), { infoHash, peerId: from, offers })
})

test('what is answered is what a client understands', () => {
  const answer = parseTrackerMessage(encodeAnnounced({ infoHash: INFO_HASH, intervalS: 60, peers: 2 }))
  assert.deepEqual(answer, { kind: 'announced', infoHash: INFO_HASH, interval: 60, peers: 2, lacking: 2 })
})

test('an offer that is none is left out, and nothing is thrown', () => {
  const text = encodeAnnounce(announce).replace('"offer","sdp"', '"answer","sdp"')
  assert.deepEqual(parseAnnounce(text)?.offers, [])
  assert.equal(parseAnnounce('[]'), undefined)
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => void parseAnnounce(any)))
})
