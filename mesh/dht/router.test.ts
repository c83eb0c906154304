import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Keys, LoneNode, sha256 } from '../../test/sim/dht/table-nodes.ts'
import type { LinkId } from '../peer.ts'
import { compareDistance, type Id, nodeIdOf, sharedBits } from './id.ts'
import { FAILURE, type RoutedQuery, type SearchId } from './messages.ts'

const idOfNumber = (number: number): Id => nodeIdOf(new Keys(number).publicKey, sha256)

let searches = 0
function findNode(target: Id, hops = 8): Extract<RoutedQuery, { method: 'find_node' }> {
  const search = (++searches).toString(16).padStart(16, '0') as SearchId
  return { method: 'find_node', route: { target, search, hops, careful: false } }
}

/** Numbers of keys, the closest to the target first. */
function byDistance(target: Id, numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => compareDistance(target, idOfNumber(a), idOfNumber(b)))
}

/** A node with links to the nodes 10 to 15, and the target next to which node 10 is. */
function linked(): { lone: LoneNode; target: Id; near: LinkId; from: LinkId; others: LinkId[] } {
  const lone = new LoneNode(1)
  const target = `${idOfNumber(10).slice(0, 36)}0000` as Id
  const links = byDistance(target, [10, 11, 12, 13, 14, 15]).map((number) => lone.link(number))
  const [near, ...others] = links
  const from = others.pop()
  assert.ok(near !== undefined && from !== undefined)
  return { lone, target, near, from, others }
}

test('a query goes to the link that is closest to its target, with a hop less', () => {
  const { lone, target, near, from } = linked()
  assert.equal(lone.ask(from, findNode(target)), undefined)
  const [passed] = lone.asked('find_node')
  assert.equal(passed?.link, near)
  assert.equal(passed?.query.route.hops, 7)
})

test('the answer goes back the way that the query came, and counts a hop more', () => {
  const { lone, target, near, from } = linked()
  lone.ask(from, findNode(target))
  const tx = lone.asked('find_node')[0]?.tx
  assert.ok(tx !== undefined)
  lone.receive(near, { kind: 'reply', tx, reply: { hops: 2, at: target, nodes: [] } })
  const last = lone.sent.at(-1)
  assert.equal(last?.link, from)
  assert.deepEqual(last?.message, { kind: 'reply', tx: 't0', reply: { hops: 3, at: target, nodes: [] } })
})

test('an answer from another link than the one that was asked is nobody’s', () => {
  const { lone, target, from, others } = linked()
  lone.ask(from, findNode(target))
  const tx = lone.asked('find_node')[0]?.tx
  const [stranger] = others
  assert.ok(tx !== undefined && stranger !== undefined)
  const before = lone.sent.length
  lone.receive(stranger, { kind: 'reply', tx, reply: { hops: 2, nodes: [] } })
  assert.equal(lone.sent.length, before)
})

test('a link that says it knows a closer node is preferred to one that is close itself', () => {
  const { lone, target, from, others } = linked()
  const [knowing] = others
  assert.ok(knowing !== undefined)
  lone.say(knowing, { method: 'links', ids: [target], population: 100 })
  lone.ask(from, findNode(target))
  assert.equal(lone.asked('find_node')[0]?.link, knowing)
})

test('a careful query goes by what is proven, not by what is said', () => {
  const { lone, target, near, from, others } = linked()
  const [knowing] = others
  assert.ok(knowing !== undefined)
  lone.say(knowing, { method: 'links', ids: [target], population: 100 })
  const query = findNode(target)
  lone.ask(from, { ...query, route: { ...query.route, careful: true } })
  assert.equal(lone.asked('find_node')[0]?.link, near)
})

test('after a failure the next link is tried, with the attempts that are left', () => {
  const { lone, target, near, from, others } = linked()
  for (const link of others) lone.say(link, { method: 'links', ids: [target], population: 100 })
  lone.ask(from, findNode(target))
  const first = lone.asked('find_node')[0]
  assert.ok(first !== undefined && first.link !== near)
  lone.receive(first.link, { kind: 'failure', tx: first.tx, code: FAILURE.seen, left: 3 })
  const second = lone.asked('find_node')[1]
  assert.ok(second !== undefined && second.link !== first.link)
  assert.equal(second.query.route.hops, 2)
})

test('who claims more attempts than were given does not get them', () => {
  const { lone, target, from } = linked()
  lone.ask(from, findNode(target, 3))
  const first = lone.asked('find_node')[0]
  assert.ok(first !== undefined)
  lone.receive(first.link, { kind: 'failure', tx: first.tx, code: FAILURE.seen, left: 24 })
  for (const { query } of lone.asked('find_node').slice(1)) assert.ok(query.route.hops < 2)
})

test('when the link that was asked closes, the query goes another way', () => {
  const { lone, target, from, others } = linked()
  for (const link of others) lone.say(link, { method: 'links', ids: [target], population: 100 })
  lone.ask(from, findNode(target))
  const first = lone.asked('find_node')[0]
  assert.ok(first !== undefined)
  lone.node.handle({ kind: 'linkClosed', link: first.link })
  assert.equal(lone.asked('find_node').length, 2)
})

test('an errand that comes by again goes another way, and a third time none', () => {
  const { lone, target, near, from, others } = linked()
  for (const link of [near, ...others]) lone.say(link, { method: 'links', ids: [target], population: 100 })
  const query = findNode(target)
  const [second, third] = others.slice(-2)
  assert.ok(second !== undefined && third !== undefined)
  lone.ask(from, query)
  lone.ask(second, query)
  const [first, again] = lone.asked('find_node')
  assert.ok(first !== undefined && again !== undefined)
  assert.notEqual(first.link, again.link)
  assert.notEqual(again.link, from)
  const answer = lone.ask(third, query)
  assert.equal(answer?.kind === 'failure' && answer.code, FAILURE.seen)
})

test('a query without hops left goes no further', () => {
  const { lone, target, from } = linked()
  const answer = lone.ask(from, findNode(target, 0))
  assert.equal(answer?.kind === 'failure' && answer.code, FAILURE.busy)
})

test('who is closest answers with the closest nodes that it knows', () => {
  const { lone, from } = linked()
  const own = lone.node.dht.id
  const target = `${own.slice(0, 39)}${own.endsWith('0') ? '1' : '0'}` as Id
  const answer = lone.ask(from, findNode(target))
  assert.ok(answer?.kind === 'reply')
  assert.equal(answer.reply.at, own)
  const expected = byDistance(target, [10, 11, 12, 13, 14, 15]).map(idOfNumber)
  assert.deepEqual(answer.reply.nodes, expected)
})

test('what nobody answers is forgotten', () => {
  const { lone, target, near, from } = linked()
  lone.ask(from, findNode(target))
  const tx = lone.asked('find_node')[0]?.tx
  assert.ok(tx !== undefined)
  lone.node.advance(4_000)
  const before = lone.sent.length
  lone.receive(near, { kind: 'reply', tx, reply: { hops: 2, nodes: [] } })
  assert.equal(lone.sent.length, before)
})

test('one link cannot have more than its share of queries under way', () => {
  const { lone, target, from } = linked()
  let passed = 0
  for (let i = 0; i < 90; i++) {
    const other = `${(i % 16).toString(16)}${target.slice(1)}` as Id
    if (sharedBits(other, lone.node.dht.id) < 160 && lone.ask(from, findNode(other)) === undefined) passed++
  }
  assert.ok(passed <= 64, `${passed} passed on`)
})
