import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { Keys, LoneNode, sha256 } from '../../test/sim/dht/table-nodes.ts'
import type { LinkId } from '../peer.ts'
import { ID_BITS, type Id, nodeIdOf } from './id.ts'
import type { DialId } from './io.ts'
import { FAILURE, type RoutedQuery, type SearchId } from './messages.ts'
import { proofText } from './proof.ts'

const INFO_HASH = '0123456789abcdef0123456789abcdef01234567' as InfoHash
const idOfNumber = (number: number): Id => nodeIdOf(new Keys(number).publicKey, sha256)
const FRIEND = idOfNumber(20)

/** A node with one link that was asked to connect to FRIEND. */
function connecting(): { lone: LoneNode; via: LinkId; dial: DialId } {
  const lone = new LoneNode(1)
  const via = lone.link(10)
  lone.node.handle({ kind: 'connect', request: 7, node: FRIEND, infoHash: INFO_HASH })
  const [offer] = lone.node.took('makeOffer')
  assert.ok(offer !== undefined)
  lone.node.handle({ kind: 'described', dial: offer.dial, description: 'v=0' })
  return { lone, via, dial: offer.dial }
}

let searches = 0
function signal(target: Id, from: Id, match = ID_BITS): Extract<RoutedQuery, { method: 'signal' }> {
  const search = (++searches).toString(16).padStart(16, '0') as SearchId
  return { method: 'signal', route: { target, search, hops: 8, careful: false }, from, match, offer: 'v=0' }
}

test('an offer goes out for the node that is wanted, and its answer is accepted', () => {
  const { lone, via, dial } = connecting()
  const [sent] = lone.asked('signal').filter(({ query }) => query.route.target === FRIEND)
  assert.equal(sent?.query.infoHash, INFO_HASH)
  assert.equal(sent?.query.match, ID_BITS)
  assert.ok(sent !== undefined)
  lone.receive(via, { kind: 'reply', tx: sent.tx, reply: { hops: 0, at: FRIEND, answer: 'v=1' } })
  assert.deepEqual(lone.node.took('accept'), [
    { kind: 'accept', dial, from: FRIEND, answer: 'v=1', infoHash: INFO_HASH },
  ])
})

test('an answer in the name of somebody else is refused', () => {
  const { lone, via } = connecting()
  const [sent] = lone.asked('signal').filter(({ query }) => query.route.target === FRIEND)
  assert.ok(sent !== undefined)
  lone.receive(via, { kind: 'reply', tx: sent.tx, reply: { hops: 0, at: idOfNumber(21), answer: 'v=1' } })
  assert.equal(lone.node.took('accept').length, 0)
})

test('who answered in a name that is not his is found out when the link opens', () => {
  const { lone, via, dial } = connecting()
  const [sent] = lone.asked('signal').filter(({ query }) => query.route.target === FRIEND)
  assert.ok(sent !== undefined)
  lone.receive(via, { kind: 'reply', tx: sent.tx, reply: { hops: 0, at: FRIEND, answer: 'v=1' } })
  const [link, channelBinding] = [99 as LinkId, sha256(Uint8Array.of(99))]
  lone.node.handle({ kind: 'linkOpened', link, channelBinding, dial })
  const liar = new Keys(21)
  const signature = liar.sign(proofText(channelBinding, liar.publicKey))
  lone.say(link, { method: 'hello', publicKey: liar.publicKey, signature })
  assert.equal(lone.node.took('releaseLink')[0]?.reason, 'somebody else')
})

test('a dial that nobody answers comes to nothing, and its offer is given up', () => {
  const { lone, dial } = connecting()
  lone.node.advance(30_000)
  assert.deepEqual(lone.node.took('connected')[0], { kind: 'connected', request: 7, dial: undefined })
  assert.ok(lone.node.took('abandon').some((effect) => effect.dial === dial))
})

test('an offer for us is answered on the way that it came', () => {
  const lone = new LoneNode(1)
  const via = lone.link(10)
  const query = signal(lone.node.dht.id, FRIEND)
  assert.equal(lone.ask(via, query), undefined)
  const [wanted] = lone.node.took('makeAnswer')
  assert.deepEqual([wanted?.from, wanted?.offer], [FRIEND, 'v=0'])
  assert.ok(wanted !== undefined)
  lone.node.handle({ kind: 'described', dial: wanted.dial, description: 'v=1' })
  const last = lone.sent.at(-1)?.message
  assert.ok(last?.kind === 'reply')
  assert.deepEqual([last.reply.at, last.reply.answer], [lone.node.dht.id, 'v=1'])
})

test('an offer that cannot be answered is refused', () => {
  const lone = new LoneNode(1)
  const via = lone.link(10)
  lone.ask(via, signal(lone.node.dht.id, FRIEND))
  const [wanted] = lone.node.took('makeAnswer')
  assert.ok(wanted !== undefined)
  lone.node.handle({ kind: 'described', dial: wanted.dial, description: undefined })
  const last = lone.sent.at(-1)?.message
  assert.equal(last?.kind === 'failure' && last.code, FAILURE.refused)
})

test('no more than eight answers are in the making, and four for what one link brings', () => {
  const lone = new LoneNode(1, 100)
  const links = [10, 11, 12].map((number) => lone.link(number))
  const ask = (via: LinkId, first: number) => {
    for (let number = first; number < first + 10; number++) lone.ask(via, signal(lone.node.dht.id, idOfNumber(number)))
    return lone.node.took('makeAnswer').length
  }
  assert.deepEqual(
    links.map((via, i) => ask(via, 30 + 10 * i)),
    [4, 8, 8],
  )
})

test('whoever has enough links takes no more for the DHT, but may for a swarm', () => {
  const lone = new LoneNode(1, 3)
  const links = [10, 11, 12, 13, 14, 15, 16].map((number) => lone.link(number))
  const [via] = links
  assert.ok(via !== undefined)
  const answer = lone.ask(via, signal(lone.node.dht.id, FRIEND))
  assert.equal(answer?.kind === 'failure' && answer.code, FAILURE.refused)
  lone.ask(via, { ...signal(lone.node.dht.id, FRIEND), infoHash: INFO_HASH })
  assert.equal(lone.node.took('makeAnswer').length, 1)
})

test('offers that are ready are given up before routers forget them', () => {
  const lone = new LoneNode(1)
  lone.link(10)
  lone.node.handle({ kind: 'find', search: 1, infoHash: INFO_HASH, chunk: 0 as ChunkIndex })
  const offers = lone.node.took('makeOffer')
  assert.ok(offers.length > 0)
  for (const { dial } of offers) lone.node.handle({ kind: 'described', dial, description: 'v=0' })
  lone.node.advance(60_000)
  const abandoned = lone.node.took('abandon').map(({ dial }) => dial)
  for (const { dial } of offers) assert.ok(abandoned.includes(dial))
})
