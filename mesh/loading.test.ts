import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { encodeExtensionHandshake } from '../protocol/wire/extension-handshake.ts'
import { encodeLoading, LOADING_EXTENSION, parseLoading } from '../protocol/wire/loading.ts'
import { Stranger } from '../test/harness/stranger.ts'
import { connect, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'
import { Loading } from './loading.ts'
import type { LinkId } from './peer.ts'

const COUNT = 24
const span = (first: number, after: number): ChunkSpan => ({ first: first as ChunkIndex, after: after as ChunkIndex })
const link = (number: number) => number as LinkId

/** Chunks whose bits are set. */
function chunksIn(bits: Uint8Array): number[] {
  return Array.from({ length: bits.length * 8 }, (_, i) => i).filter(
    (i) => ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0,
  )
}

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = (options = {}) => new VirtualPeer(clock, ++last, { chunkCount: COUNT, ...options })
  return { clock, peer }
}

/** Speaks tr_loading under id 7, and knows what it was told. */
function listener(clock: VirtualClock, victim: VirtualPeer) {
  const stranger = new Stranger(clock, victim)
  const payload = encodeExtensionHandshake({
    messages: new Map([[LOADING_EXTENSION, 7]]),
    client: 'test',
    queueLength: undefined,
    provesBlocks: false,
    metadataSize: undefined,
  })
  const greet = () => stranger.say({ kind: 'extended', id: 0, payload })
  const told = () =>
    stranger
      .of('extended')
      .filter(({ id }) => id === 7)
      .map((message) => parseLoading(message.payload, COUNT))
  const load = (...spans: ChunkSpan[]) => stranger.say({ kind: 'extended', id: 1, payload: encodeLoading(spans) })
  return { stranger, greet, told, load }
}

test('neighbours know what a peer loads, and when it ends', async () => {
  const { clock, peer } = world()
  const a = peer()
  const b = peer()
  connect(clock, a, b)
  await clock.advance(100)
  a.driver.loading([span(3, 5), span(9, 10)])
  await clock.advance(10)
  assert.deepEqual(chunksIn(b.driver.swarm.loading), [3, 4, 9])
  assert.deepEqual(chunksIn(a.driver.swarm.loading), [])
  a.driver.loading([span(4, 5)])
  await clock.advance(10)
  assert.deepEqual(chunksIn(b.driver.swarm.loading), [4])
  a.driver.loading([])
  await clock.advance(10)
  assert.deepEqual(chunksIn(b.driver.swarm.loading), [])
})

test('a change is told at once', async () => {
  const { clock, peer } = world()
  const a = peer()
  let told = 0
  connect(clock, a, peer({ onStatus: () => told++ }))
  await clock.advance(1_000)
  told = 0
  a.driver.loading([span(3, 5)])
  await clock.advance(20)
  assert.equal(told, 1)
  a.driver.loading([span(3, 5)])
  await clock.advance(6_000)
  assert.equal(told, 1)
})

test('a new neighbour is told after the extension handshakes', async () => {
  const { clock, peer } = world()
  const a = peer()
  a.driver.loading([span(3, 5)])
  const b = peer()
  connect(clock, a, b)
  await clock.advance(50)
  assert.deepEqual(chunksIn(b.driver.swarm.loading), [3, 4])
})

test('who does not speak the extension is told nothing', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { stranger, greet, told } = listener(clock, a)
  await clock.advance(50)
  a.driver.loading([span(3, 5)])
  await clock.advance(50)
  assert.deepEqual(
    stranger.of('extended').map(({ id }) => id),
    [0],
  )
  greet()
  await clock.advance(50)
  assert.deepEqual(told(), [[span(3, 5)]])
})

test('the same is said once, and again after five seconds while it holds', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { greet, told } = listener(clock, a)
  greet()
  await clock.advance(50)
  a.driver.loading([span(3, 5)])
  a.driver.loading([span(3, 4), span(4, 5)])
  await clock.advance(4_500)
  assert.equal(told().length, 1)
  await clock.advance(1_000)
  assert.deepEqual(told(), [[span(3, 5)], [span(3, 5)]])
  a.driver.loading([])
  await clock.advance(20_000)
  assert.deepEqual(told().slice(2), [[]])
})

test('what nobody confirms any more is taken back', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { greet, told } = listener(clock, a)
  greet()
  a.driver.loading([span(3, 5)])
  await clock.advance(60_000)
  assert.deepEqual(told().at(-1), [])
  assert.ok(told().length < 10)
})

test('too many runs: the first eight are told, within the swarm', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { greet, told } = listener(clock, a)
  greet()
  await clock.advance(50)
  a.driver.loading([
    span(5, 5),
    span(COUNT - 1, COUNT + 9),
    ...Array.from({ length: 9 }, (_, i) => span(i * 2, i * 2 + 1)),
  ])
  await clock.advance(50)
  assert.deepEqual(told(), [[span(COUNT - 1, COUNT), ...Array.from({ length: 7 }, (_, i) => span(i * 2, i * 2 + 1))]])
})

test('who does not share says nothing, and takes back what it said', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { greet, told } = listener(clock, a)
  greet()
  a.driver.loading([span(3, 5)])
  await clock.advance(50)
  a.driver.setSharing(false)
  a.driver.loading([span(3, 6)])
  await clock.advance(50)
  assert.deepEqual(told().at(-1), [])
  a.driver.setSharing(true)
  await clock.advance(50)
  assert.deepEqual(told().at(-1), [span(3, 6)])
})

test('an announcement is forgotten after ten seconds without another', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { load } = listener(clock, a)
  await clock.advance(50)
  load(span(1, 3))
  await clock.advance(8_000)
  load(span(1, 3))
  await clock.advance(8_000)
  assert.deepEqual(chunksIn(a.driver.swarm.loading), [1, 2])
  await clock.advance(3_000)
  assert.deepEqual(chunksIn(a.driver.swarm.loading), [])
})

test('an announcement goes with its link', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { load, stranger } = listener(clock, a)
  await clock.advance(50)
  load(span(1, 3))
  await clock.advance(50)
  stranger.link.close()
  await clock.advance(50)
  assert.deepEqual(chunksIn(a.driver.swarm.loading), [])
})

test('chunks that the swarm does not have end the session', async () => {
  const { clock, peer } = world()
  const a = peer()
  const { load, stranger } = listener(clock, a)
  await clock.advance(50)
  load(span(1, COUNT + 1))
  await clock.advance(50)
  assert.equal(stranger.link.isOpen, false)
})

test('of one peer, 4096 chunks are counted', () => {
  const loading = new Loading(20_000)
  loading.heard(link(1), [span(0, 3000), span(5000, 20_000)], 0)
  assert.deepEqual([chunksIn(loading.union).length, chunksIn(loading.union).at(-1)], [4096, 5000 + 1095])
  loading.forget(link(1))
  assert.deepEqual(chunksIn(loading.union), [])
})

test('the union is that of the last words, whatever was said before', () => {
  const spans = fc.array(
    fc.tuple(fc.nat(COUNT), fc.nat(COUNT)).map(([a, b]) => span(Math.min(a, b), Math.max(a, b))),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.option(spans)), { maxLength: 40 }), (steps) => {
      const loading = new Loading(COUNT)
      const last = new Map<number, ChunkSpan[]>()
      for (const [number, said] of steps) {
        const before = chunksIn(loading.union)
        const changed = said ? loading.heard(link(number), said, 0) : loading.forget(link(number))
        last.set(number, said ?? [])
        const expected = new Set(
          [...last.values()]
            .flat()
            .flatMap(({ first, after }) => Array.from({ length: after - first }, (_, i) => first + i)),
        )
        assert.deepEqual(
          chunksIn(loading.union),
          [...expected].sort((a, b) => a - b),
        )
        if (!changed) assert.deepEqual(chunksIn(loading.union), before)
      }
    }),
  )
})
