import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolViolation } from '../protocol/errors.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { DONT_HAVE_EXTENSION, encodeDontHave, parseDontHave } from '../protocol/wire/dont-have.ts'
import { encodeExtensionHandshake } from '../protocol/wire/extension-handshake.ts'
import { Stranger } from '../test/harness/stranger.ts'
import { connect, contentOf, peerId, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'

// Chunks that a store gives up while peers count on them.

const COUNT = 24
const span = (first: number, after: number) => ({ first: first as ChunkIndex, after: after as ChunkIndex })

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = (options = {}) => new VirtualPeer(clock, ++last, { chunkCount: COUNT, ...options })
  return { clock, peer }
}

/** Greets with lt_donthave under id 9. */
function speaker(clock: VirtualClock, victim: VirtualPeer): Stranger {
  const stranger = new Stranger(clock, victim)
  const messages = new Map([[DONT_HAVE_EXTENSION, 9]])
  const handshake = { messages, client: 'test', queueLength: undefined, provesBlocks: false, metadataSize: undefined }
  stranger.say({ kind: 'extended', id: 0, payload: encodeExtensionHandshake(handshake) })
  return stranger
}

test('what is given up is not offered any more, and is again when it is back', async () => {
  const { clock, peer } = world()
  const [edge, visitor] = [peer().hold(), peer()]
  connect(clock, edge, visitor)
  await clock.advance(100)
  edge.driver.dropped(span(2, 9))
  await clock.advance(50)
  assert.deepEqual([...visitor.driver.swarm.available], [0b11000000, 0b01111111, 0xff])
  assert.deepEqual(
    [2, 9].map((chunk) => visitor.driver.swarm.holders(chunk as ChunkIndex)),
    [0, 1],
  )
  edge.hold(3, 4)
  await clock.advance(50)
  assert.deepEqual([...visitor.driver.swarm.available], [0b11010000, 0b01111111, 0xff])
  edge.driver.dropped()
  await clock.advance(50)
  assert.deepEqual([...visitor.driver.swarm.available], [0, 0, 0])
  assert.equal(edge.driver.swarm.missing, COUNT)
})

test('a chunk that goes while it is asked for comes from another peer', async () => {
  const { clock, peer } = world()
  const [edge, visitor] = [peer().hold(), peer()]
  connect(clock, edge, visitor, { bytesPerMs: 20 })
  await clock.advance(200)
  const fetched = visitor.fetch(5)
  await clock.advance(20)
  edge.lose(5)
  edge.driver.dropped(span(5, 6))
  connect(clock, peer().hold(), visitor)
  const askedMs = clock.now()
  assert.deepEqual(await clock.until(fetched), contentOf(5))
  assert.ok(clock.now() - askedMs < 1_000, `${clock.now() - askedMs} ms`)
})

test('a store that turns out to have lost a chunk tells everybody', async () => {
  const { clock, peer } = world()
  const [forgetful, one, other] = [peer().hold(), peer(), peer()]
  connect(clock, forgetful, one)
  connect(clock, forgetful, other)
  await clock.advance(100)
  forgetful.lose(7)
  await clock.until(one.fetch(7, 500))
  assert.equal(other.driver.swarm.holders(7 as ChunkIndex), 0)
})

test('as BEP 54 has it: four bytes, to those who understand them', async () => {
  const { clock, peer } = world()
  const edge = peer().hold()
  const [deaf, hearing] = [new Stranger(clock, edge, 98), speaker(clock, edge)]
  await clock.advance(50)
  edge.driver.dropped(span(1, 3))
  await clock.advance(50)
  const told = (stranger: Stranger) =>
    stranger.of('extended').flatMap(({ id, payload }) => (id === 0 ? [] : [[id, ...payload]]))
  assert.deepEqual(told(deaf), [])
  assert.deepEqual(told(hearing), [
    [9, 0, 0, 0, 1],
    [9, 0, 0, 0, 2],
  ])
})

test('a peer may take back what it never had, but not what does not exist', async () => {
  const { clock, peer } = world()
  const victim = peer()
  const stranger = speaker(clock, victim)
  const takeBack = (payload: Uint8Array) => stranger.say({ kind: 'extended', id: 2, payload })
  stranger.say({ kind: 'have-all' })
  for (let i = 0; i < 3; i++) takeBack(encodeDontHave(4 as ChunkIndex))
  await clock.advance(50)
  assert.equal(victim.driver.swarm.holders(4 as ChunkIndex), 0)
  assert.equal(stranger.link.isOpen, true)
  takeBack(encodeDontHave(COUNT as ChunkIndex))
  await clock.advance(50)
  assert.equal(stranger.link.isOpen, false)
})

test('the payload is read back, and nothing else is taken for one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), fc.nat(0xffff_fffe), (bytes, chunk) => {
      assert.equal(parseDontHave(encodeDontHave(chunk as ChunkIndex), chunk + 1), chunk)
      assert.throws(() => parseDontHave(encodeDontHave(chunk as ChunkIndex), chunk), ProtocolViolation)
      if (bytes.length !== 4) assert.throws(() => parseDontHave(bytes, 0xffff_ffff), ProtocolViolation)
    }),
  )
})

test('who is banned is told of once, however much of it was wrong', async () => {
  const { clock, peer } = world()
  const banned: string[] = []
  const [liar, victim] = [peer().hold(), peer({ onBan: (who: string) => banned.push(who) })]
  const [link] = connect(clock, liar, victim)
  link.tap = (bytes) => (bytes[4] === 7 ? bytes.map((byte, i) => (i === 13 ? byte ^ 1 : byte)) : bytes)
  await clock.advance(50)
  for (let chunk = 0; chunk < 8; chunk++) void victim.fetch(chunk)
  await clock.advance(2_000)
  assert.deepEqual(banned, [peerId(1)])
})
