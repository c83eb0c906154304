import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { Keys, LoneNode, sha256 } from '../../test/sim/dht/table-nodes.ts'
import { type Id, nodeIdOf, regionKey } from './id.ts'
import { type ProviderRecord, recordText } from './record.ts'

const INFO_HASH = '0123456789abcdef0123456789abcdef01234567' as InfoHash
const NOW_S = 1_700_000_000
const idOfNumber = (number: number): Id => nodeIdOf(new Keys(number).publicKey, sha256)

function record(number: number, signer = new Keys(number)): ProviderRecord {
  const draft = { publicKey: new Keys(number).publicKey, sequence: 1, expires: NOW_S + 2400, bits: Uint8Array.of(0x80) }
  return { ...draft, signature: signer.sign(recordText(regionKey(INFO_HASH, 1, sha256), draft)) }
}

/** A node with six links that looks for chunk 512. */
function searching(): LoneNode {
  const lone = new LoneNode(1)
  for (let number = 10; number < 16; number++) lone.link(number)
  lone.node.handle({ kind: 'find', search: 5, infoHash: INFO_HASH, chunk: 512 as ChunkIndex })
  return lone
}

/** Answers the way with this number, in order of being asked. */
function answer(lone: LoneNode, way: number, providers: readonly ProviderRecord[]): void {
  const asked = lone.asked('find_providers')[way]
  assert.ok(asked !== undefined, `way ${way} was not tried`)
  lone.receive(asked.link, { kind: 'reply', tx: asked.tx, reply: { hops: 1, providers } })
}

const found = (lone: LoneNode) => lone.node.took('found').flatMap(({ providers }) => providers.map(({ id }) => id))

test('two ways are taken at once, by different links, to the region of the chunk', () => {
  const lone = searching()
  const asked = lone.asked('find_providers')
  assert.equal(asked.length, 2)
  assert.equal(new Set(asked.map(({ link }) => link)).size, 2)
  for (const { query } of asked) {
    assert.equal(query.route.target, regionKey(INFO_HASH, 1, sha256))
    assert.equal(query.chunk, 0)
  }
})

test('providers are told of once, as they come, and then the end of the search', () => {
  const lone = searching()
  answer(lone, 0, [record(50)])
  assert.deepEqual(found(lone), [idOfNumber(50)])
  answer(lone, 1, [record(50), record(51)])
  assert.deepEqual(found(lone), [idOfNumber(50), idOfNumber(51)])
  assert.equal(lone.node.took('searched').length, 1)
})

test('a forged record is not told of, and another way is tried instead', () => {
  const lone = searching()
  answer(lone, 0, [record(50, new Keys(51))])
  assert.deepEqual(found(lone), [])
  assert.equal(lone.asked('find_providers').length, 3)
})

test('who knows nothing is replaced by another way', () => {
  const lone = searching()
  answer(lone, 0, [])
  assert.equal(lone.asked('find_providers').length, 3)
})

test('silence is not waited for: another way is tried after a while', () => {
  const lone = searching()
  lone.node.advance(400)
  assert.equal(lone.asked('find_providers').length, 3)
})

test('a search goes on when what it found is useless, by links that it has not used', () => {
  const lone = searching()
  answer(lone, 0, [record(50)])
  answer(lone, 1, [record(51)])
  lone.node.handle({ kind: 'useless', search: 5, provider: idOfNumber(50) })
  const links = lone.asked('find_providers').map(({ link }) => link)
  assert.equal(links.length, 3)
  assert.equal(new Set(links).size, 3)
  answer(lone, 2, [record(50)])
  assert.equal(lone.asked('find_providers').length, 4)
})

test('when nothing but made-up providers was found a search begins anew, on other ways, and ends some time', () => {
  const lone = searching()
  let way = 0
  for (; lone.asked('find_providers').length > way; way++) {
    const provider = 50 + way
    answer(lone, way, [record(provider)])
    lone.node.handle({ kind: 'useless', search: 5, provider: idOfNumber(provider) })
    assert.ok(way < 100, 'it never ends')
  }
  assert.equal(way, 4 * 6)
  const { query } = lone.asked('find_providers')[6] ?? {}
  assert.notEqual(query?.route.target, regionKey(INFO_HASH, 1, sha256))
  assert.equal(new Set(lone.asked('find_providers').map(({ query: { route } }) => route.search)).size, 4)
})

test('a search ends when all links have been asked in vain', () => {
  const lone = searching()
  for (let way = 0; way < 6; way++) answer(lone, way, [])
  assert.equal(lone.node.took('searched').length, 1)
})

test('a search that was stopped says nothing more', () => {
  const lone = searching()
  lone.node.handle({ kind: 'stopFinding', search: 5 })
  answer(lone, 0, [record(50)])
  assert.deepEqual(found(lone), [])
})
