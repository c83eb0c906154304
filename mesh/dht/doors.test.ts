import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Keys, LoneNode, sha256, TableNode } from '../../test/sim/dht/table-nodes.ts'
import type { LinkId } from '../peer.ts'
import { encodeDhtMessage } from './encode.ts'
import { nodeIdOf } from './id.ts'
import type { SearchId, Tx } from './messages.ts'
import { proofText } from './proof.ts'

const LINK = 1 as LinkId
const BINDING = sha256(Uint8Array.of(1))
const OTHER_BINDING = sha256(Uint8Array.of(2))

function hello(keys: Keys, binding: Uint8Array, signer = keys): Uint8Array {
  const signature = signer.sign(proofText(binding, keys.publicKey))
  const query = { method: 'hello', publicKey: keys.publicKey, signature } as const
  return encodeDhtMessage({ kind: 'query', tx: '' as Tx, query })
}

/** A node with one link, on which the bytes arrive. */
function hearing(bytes: Uint8Array, own = 1): TableNode {
  const node = new TableNode(own, () => undefined)
  node.handle({ kind: 'linkOpened', link: LINK, channelBinding: BINDING })
  node.handle({ kind: 'received', link: LINK, bytes })
  return node
}

test('two nodes prove to each other who they are', () => {
  const nodes: TableNode[] = []
  const make = (number: number, other: number) =>
    new TableNode(number, (link, bytes) => nodes[other]?.handle({ kind: 'received', link, bytes }))
  nodes.push(make(1, 1), make(2, 0))
  const [a, b] = nodes
  assert.ok(a && b)
  b.handle({ kind: 'linkOpened', link: LINK, channelBinding: BINDING })
  a.handle({ kind: 'linkOpened', link: LINK, channelBinding: BINDING })
  assert.deepEqual(b.dht.links, [a.dht.id])
  // Its first word came before the other end was open.
  a.handle({ kind: 'received', link: LINK, bytes: hello(b.keys, BINDING) })
  assert.deepEqual(a.dht.links, [b.dht.id])
})

test('a proof made for another connection is worth nothing: relayed or replayed, it does not fit this one', () => {
  const node = hearing(hello(new Keys(2), OTHER_BINDING))
  assert.deepEqual(node.dht.links, [])
  assert.equal(node.took('releaseLink')[0]?.reason, 'no proof')
})

test('a key that somebody else signs for is worth nothing', () => {
  assert.deepEqual(hearing(hello(new Keys(2), BINDING, new Keys(3))).dht.links, [])
})

test('our own proof, sent back to us, is worth nothing', () => {
  assert.equal(hearing(hello(new Keys(1), BINDING)).took('releaseLink')[0]?.reason, 'somebody else')
})

test('who proves nothing is released after a while', () => {
  const node = new TableNode(1, () => undefined)
  node.handle({ kind: 'linkOpened', link: LINK, channelBinding: BINDING })
  node.advance(9_000)
  assert.equal(node.took('releaseLink').length, 0)
  node.advance(2_000)
  assert.equal(node.took('releaseLink')[0]?.reason, 'no proof')
})

test('nothing is heard from a link before its proof', () => {
  const lone = new LoneNode()
  lone.node.handle({ kind: 'linkOpened', link: LINK, channelBinding: BINDING })
  assert.equal(lone.ask(LINK, { method: 'ping' }), undefined)
  lone.link(2)
  assert.equal(lone.ask(2 as LinkId, { method: 'ping' })?.kind, 'reply')
})

test('a second proof on one link ends it', () => {
  const lone = new LoneNode()
  const link = lone.link(2)
  lone.node.handle({ kind: 'received', link, bytes: hello(new Keys(2), sha256(Uint8Array.of(2))) })
  assert.deepEqual(lone.node.dht.links, [])
})

test('bytes that are no message end the link, and no other', () => {
  const lone = new LoneNode()
  const [bad] = [lone.link(2), lone.link(3)]
  lone.node.handle({ kind: 'received', link: bad, bytes: Uint8Array.of(1, 2, 3) })
  assert.deepEqual(lone.node.dht.links, [nodeIdOf(new Keys(3).publicKey, sha256)])
})

test('who broke the rules is refused when it comes again, and is not dialled', () => {
  const lone = new LoneNode()
  const link = lone.link(2)
  lone.node.handle({ kind: 'received', link, bytes: Uint8Array.of(1, 2, 3) })
  const again = 7 as LinkId
  const channelBinding = sha256(Uint8Array.of(7))
  lone.node.handle({ kind: 'linkOpened', link: again, channelBinding })
  lone.node.handle({ kind: 'received', link: again, bytes: hello(new Keys(2), channelBinding) })
  assert.deepEqual(lone.node.dht.links, [])
  assert.equal(lone.node.took('releaseLink').at(-1)?.link, again)
})

test('answers that come late are no flood', () => {
  const lone = new LoneNode()
  const [from, to] = [lone.link(2), lone.link(3)]
  const target = nodeIdOf(new Keys(3).publicKey, sha256)
  for (let number = 0; number < 30; number++) {
    const search = number.toString(16).padStart(16, '0') as SearchId
    lone.ask(from, { method: 'find_node', route: { target, search, hops: 2, careful: false } })
  }
  lone.node.advance(4_000)
  for (let i = 0; i < 195; i++) lone.ask(to, { method: 'ping' })
  const asked = lone.asked('find_node').filter(({ link }) => link === to)
  assert.ok(asked.length >= 30)
  for (const { tx } of asked) lone.receive(to, { kind: 'reply', tx, reply: { hops: 0 } })
  assert.equal(lone.node.dht.links.length, 2)
  for (const { tx } of asked) lone.receive(to, { kind: 'reply', tx, reply: { hops: 0 } })
  assert.equal(lone.node.dht.links.length, 1)
})

test('of two links between the same two nodes both ends keep the same one', () => {
  const keptBy = (order: readonly number[]) => {
    const node = new TableNode(1, () => undefined)
    for (const number of order) {
      const channelBinding = sha256(Uint8Array.of(number))
      node.handle({ kind: 'linkOpened', link: number as LinkId, channelBinding })
    }
    for (const number of order)
      node.handle({
        kind: 'received',
        link: number as LinkId,
        bytes: hello(new Keys(2), sha256(Uint8Array.of(number))),
      })
    assert.equal(node.dht.links.length, 1)
    return node.took('releaseLink').map(({ link }) => link)
  }
  assert.deepEqual(keptBy([1, 2]), keptBy([2, 1]))
})

test('a flood is answered with "busy", and a greater one ends the link', () => {
  const lone = new LoneNode()
  const link = lone.link(2)
  for (let i = 0; i < 150; i++) lone.ask(link, { method: 'ping' })
  const kinds = lone.sent.map(({ message }) => message.kind)
  const served = kinds.filter((kind) => kind === 'reply').length
  assert.ok(served >= 45 && served <= 55, `${served} served`)
  assert.ok(kinds.includes('failure'))
  for (let i = 0; i < 300; i++) lone.ask(link, { method: 'ping' })
  assert.deepEqual(lone.node.dht.links, [])
})
