import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InfoHash } from '../../protocol/units.ts'
import { Keys, LoneNode, sha256 } from '../../test/sim/dht/table-nodes.ts'
import type { LinkId } from '../peer.ts'
import { type Id, nodeIdOf, regionKey, sharedBits } from './id.ts'
import { type DhtMessage, FAILURE, type Reply, type Route, type SearchId } from './messages.ts'
import { type ProviderRecord, recordText } from './record.ts'

const INFO_HASH = '0123456789abcdef0123456789abcdef01234567' as InfoHash
const KEY = regionKey(INFO_HASH, 0, sha256)
const NOW_S = 1_700_000_000

let searches = 0
function route(target: Id): Route {
  return { target, search: (++searches).toString(16).padStart(16, '0') as SearchId, hops: 8, careful: false }
}

function record(number: number, changes: Partial<ProviderRecord> = {}, signer = new Keys(number)): ProviderRecord {
  const { publicKey } = new Keys(number)
  const draft = { publicKey, sequence: 1, expires: NOW_S + 2400, bits: Uint8Array.of(0xff), ...changes }
  return { ...draft, signature: signer.sign(recordText(KEY, draft)) }
}

/** A node that is closer to the key than the one node that it is linked with. */
function home(): { lone: LoneNode; link: LinkId } {
  const lone = new LoneNode(nearest())
  return { lone, link: lone.link(farthest()) }
}

const numbers = Array.from({ length: 40 }, (_, i) => i + 1)
const closeness = (number: number) => sharedBits(nodeIdOf(new Keys(number).publicKey, sha256), KEY)
const nearest = () => numbers.reduce((best, number) => (closeness(number) > closeness(best) ? number : best))
const farthest = () => numbers.reduce((best, number) => (closeness(number) < closeness(best) ? number : best))

function replyOf(message: DhtMessage | undefined): Reply {
  assert.equal(message?.kind, 'reply')
  return message.reply
}

function isCopy(message: DhtMessage): boolean {
  return message.kind === 'query' && message.query.method === 'copy_provider'
}

function askToken(lone: LoneNode, link: LinkId, number: number): Uint8Array {
  const announcer = { provider: nodeIdOf(new Keys(number).publicKey, sha256), reach: 0, bits: Uint8Array.of(0xff) }
  const { token } = replyOf(lone.ask(link, { method: 'find_providers', route: route(KEY), announcer }))
  assert.ok(token)
  return token
}

function add(
  lone: LoneNode,
  link: LinkId,
  { token, publicKey, news }: { token: Uint8Array; publicKey: Uint8Array; news: ProviderRecord },
): DhtMessage | undefined {
  const query = { method: 'add_provider', route: route(lone.node.dht.id), key: KEY, token, reach: 0 } as const
  return lone.ask(link, { ...query, publicKey, news })
}

function providers(lone: LoneNode, link: LinkId, chunk?: number): ProviderRecord[] {
  const query = { method: 'find_providers', route: route(KEY), ...(chunk !== undefined && { chunk }) } as const
  return [...(replyOf(lone.ask(link, query)).providers ?? [])]
}

function announce(lone: LoneNode, link: LinkId, number: number, news = record(number)): DhtMessage | undefined {
  return add(lone, link, { token: askToken(lone, link, number), publicKey: news.publicKey, news })
}

test('providers that two links name are among the first, those that one names only by chance', () => {
  const { lone, link } = home()
  const all = numbers.slice(0, 10).map((number) => number + 100)
  for (const number of all) announce(lone, link, number)
  const [named = 0, claimed = 0] = all
  const idOf = (number: number) => nodeIdOf(new Keys(number).publicKey, sha256)
  const say = (at: LinkId, ids: readonly Id[]) => lone.say(at, { method: 'links', ids, population: 20 })
  say(link, [idOf(named), idOf(claimed)])
  say(lone.link(200), [idOf(named)])
  const idsIn = (answer: readonly ProviderRecord[]) => answer.map(({ publicKey }) => nodeIdOf(publicKey, sha256))
  const firsts = Array.from({ length: 20 }, () => idsIn(providers(lone, link)).slice(0, 3))
  const often = (id: Id) => firsts.filter((first) => first.includes(id)).length
  assert.equal(often(idOf(named)), 20)
  assert.ok(often(idOf(claimed)) < 20)
})

test('a record that was left with a token is found', () => {
  const { lone, link } = home()
  assert.deepEqual(providers(lone, link), [])
  assert.equal(announce(lone, link, 50)?.kind, 'reply')
  assert.deepEqual(providers(lone, link), [record(50)])
})

test('nothing is stored without a token, or with that of another provider', () => {
  const { lone, link } = home()
  const news = record(50)
  const token = askToken(lone, link, 51)
  for (const wrong of [new Uint8Array(8), token]) {
    const answer = add(lone, link, { token: wrong, publicKey: news.publicKey, news })
    assert.equal(answer?.kind === 'failure' && answer.code, FAILURE.badToken)
  }
  assert.deepEqual(providers(lone, link), [])
})

test('a token is good for ten minutes at least, and for twenty at most', () => {
  const { lone, link } = home()
  const token = askToken(lone, link, 50)
  const news = record(50)
  lone.node.nowMs += 11 * 60_000
  assert.equal(add(lone, link, { token, publicKey: news.publicKey, news })?.kind, 'reply')
  lone.node.nowMs += 10 * 60_000
  const later = record(50, { sequence: 2 })
  assert.equal(add(lone, link, { token, publicKey: news.publicKey, news: later })?.kind, 'failure')
})

test('a record that its provider did not sign is not kept', () => {
  const { lone, link } = home()
  announce(lone, link, 50, record(50, {}, new Keys(51)))
  assert.deepEqual(providers(lone, link), [])
})

test('a record of another region is not kept for this one', () => {
  const { lone, link } = home()
  const draft = { publicKey: new Keys(50).publicKey, sequence: 1, expires: NOW_S + 2400, bits: Uint8Array.of(0xff) }
  const signature = new Keys(50).sign(recordText(regionKey(INFO_HASH, 1, sha256), draft))
  announce(lone, link, 50, { ...draft, signature })
  assert.deepEqual(providers(lone, link), [])
})

test('a record that is over, or will be only in the far future, is not kept', () => {
  const { lone, link } = home()
  announce(lone, link, 50, record(50, { expires: NOW_S }))
  announce(lone, link, 51, record(51, { expires: NOW_S + 86_400 }))
  assert.deepEqual(providers(lone, link), [])
})

test('what is new in a record is enough where the rest is known', () => {
  const { lone, link } = home()
  announce(lone, link, 50)
  const { signature, publicKey } = record(50, { sequence: 2, bits: Uint8Array.of(0xff, 0x80) })
  const delta = { sequence: 2, expires: NOW_S + 2400, toggled: [{ first: 8, length: 1 }], signature }
  const token = askToken(lone, link, 50)
  const query = { method: 'add_provider', key: KEY, token, reach: 0, publicKey } as const
  const wrong = lone.ask(link, { ...query, route: route(lone.node.dht.id), news: { ...delta, base: 7 } })
  assert.equal(wrong?.kind === 'failure' && wrong.code, FAILURE.noBase)
  lone.ask(link, { ...query, route: route(lone.node.dht.id), news: { ...delta, base: 1 } })
  assert.deepEqual(providers(lone, link)[0]?.bits, Uint8Array.of(0xff, 0x80))
})

test('holders of the chunk that is sought come first', () => {
  const { lone, link } = home()
  announce(lone, link, 50, record(50, { bits: Uint8Array.of(0x01), expires: NOW_S + 100 }))
  for (const number of [51, 52]) announce(lone, link, number, record(number, { bits: Uint8Array.of(0x80) }))
  assert.deepEqual(providers(lone, link, 7)[0]?.publicKey, new Keys(50).publicKey)
})

test('a record is handed on to those near the key', () => {
  const { lone, link } = home()
  const others = [60, 61, 62].map((number) => lone.link(number))
  announce(lone, link, 50)
  const copies = lone.asked('copy_provider')
  assert.deepEqual(copies.map((copy) => copy.link).sort(), [...others].sort())
})

test('a copy is kept, and goes no further', () => {
  const { lone, link } = home()
  lone.link(60)
  const copy = { method: 'copy_provider', key: KEY, reach: 0, record: record(50) } as const
  lone.say(link, copy)
  assert.equal(providers(lone, link).length, 1)
  assert.equal(lone.asked('copy_provider').length, 0)
})

test('a copy with a forged signature is neither kept nor handed on', () => {
  const { lone, link } = home()
  lone.link(60)
  lone.say(link, { method: 'copy_provider', key: KEY, reach: 0, record: record(50, {}, new Keys(51)) })
  assert.equal(lone.node.dht.records, 0)
  assert.equal(lone.asked('copy_provider').length, 0)
})

test('where there are enough providers, only those with scarce chunks get a token', () => {
  const { lone, link } = home()
  const links = [link, ...[60, 61].map((number) => lone.link(number))]
  for (let number = 100; number < 132; number++) {
    announce(lone, links[number % links.length] ?? link, number)
    // As much as one link is served.
    lone.node.advance(2_000)
  }
  const announcer = (bits: Uint8Array) => ({ provider: KEY, reach: 0, bits })
  const ask = (bits: Uint8Array) =>
    replyOf(lone.ask(link, { method: 'find_providers', route: route(KEY), announcer: announcer(bits) }))
  const common = ask(Uint8Array.of(0xff))
  assert.equal(common.token, undefined)
  assert.equal(common.scarce?.[0], 0)
  assert.ok(ask(Uint8Array.of(0x00, 0x01)).token)
})

test('a delta that would leave nothing is of no use, and not the fault of who passes it on', () => {
  const { lone, link } = home()
  announce(lone, link, 100)
  const { publicKey } = new Keys(100)
  const { signature } = record(100)
  const news = { base: 1, sequence: 2, expires: NOW_S + 2400, toggled: [{ first: 0, length: 8 }], signature }
  const token = askToken(lone, link, 100)
  const query = { method: 'add_provider', route: route(lone.node.dht.id), key: KEY, token, reach: 0 } as const
  const answer = lone.ask(link, { ...query, publicKey, news })
  assert.equal(answer?.kind === 'failure' && answer.code, FAILURE.noBase)
  assert.equal(lone.node.dht.links.length, 1)
})

test('a record that is renewed again and again is handed on now and then', () => {
  const { lone, link } = home()
  const other = lone.link(nearest() === 20 ? 21 : 20)
  const copies = () => lone.sent.filter(({ link: on, message }) => on === other && isCopy(message)).length
  for (let sequence = 1; sequence <= 10; sequence++) {
    const token = askToken(lone, link, 100)
    add(lone, link, { token, publicKey: new Keys(100).publicKey, news: record(100, { sequence }) })
  }
  assert.equal(copies(), 1)
  lone.node.advance(60_000)
  const token = askToken(lone, link, 100)
  add(lone, link, { token, publicKey: new Keys(100).publicKey, news: record(100, { sequence: 11 }) })
  assert.equal(copies(), 2)
})

test('a search for a key that leads to another point is about the key', () => {
  const { lone, link } = home()
  announce(lone, link, 100)
  const query = { method: 'find_providers', route: route(lone.node.dht.id), key: KEY } as const
  assert.equal(replyOf(lone.ask(link, query)).providers?.length, 1)
})

test('who provides a region itself says so before anybody else', () => {
  const { lone, link } = home()
  lone.node.handle({ kind: 'provide', infoHash: INFO_HASH, region: 0, bits: Uint8Array.of(0xff, 0) })
  lone.node.handle({ kind: 'tick' })
  const [own] = providers(lone, link)
  assert.deepEqual(own?.publicKey, lone.node.keys.publicKey)
  assert.deepEqual(own?.bits, Uint8Array.of(0xff))
})
