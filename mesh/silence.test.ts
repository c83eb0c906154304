import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, contentOf, mute, VirtualClock, type VirtualLink, VirtualPeer } from '../test/harness/virtual-mesh.ts'

const COUNT = 24
/** The wire's number (BEP 3). */
const CANCEL = 8

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = () => new VirtualPeer(clock, ++last, { chunkCount: COUNT })
  return { clock, peer }
}

/** Fetches chunks and keeps them. */
function take(leecher: VirtualPeer, first = 0, after = COUNT): Promise<(Uint8Array | undefined)[]> {
  const chunks = Array.from({ length: after - first }, (_, i) => first + i)
  return Promise.all(
    chunks.map(async (chunk) => {
      const bytes = await leecher.fetch(chunk)
      if (bytes) leecher.hold(chunk, chunk + 1)
      return bytes
    }),
  )
}

function countCancels(link: VirtualLink): () => number {
  let count = 0
  link.tap = (bytes) => {
    if (bytes[4] === CANCEL) count++
    return bytes
  }
  return () => count
}

test('two seconds of silence lose the request of a peer that is not known to another', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(), leecher)
  mute(link)
  await clock.advance(100)
  const wanted = leecher.fetch(3)
  await clock.advance(50)
  connect(clock, peer().hold(), leecher)
  const askedMs = clock.now()
  assert.deepEqual(await clock.until(wanted), contentOf(3))
  assert.ok(clock.now() - askedMs < 2_500, `took ${clock.now() - askedMs} ms`)
  assert.equal(link.isOpen, true)
})

test('at the end a peer that was quick and falls silent loses what it owes in a moment', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  await clock.advance(100)
  const all = take(leecher)
  await clock.advance(300)
  mute(link)
  const mutedMs = clock.now()
  assert.ok((await clock.until(all)).every((bytes) => bytes !== undefined))
  // What is left takes the other one up to 1.3 s.
  assert.ok(clock.now() - mutedMs < 1_600, `took ${clock.now() - mutedMs} ms`)
})

test('a pause costs a peer nothing while there is more to fetch', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link, own] = connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  await clock.advance(100)
  const some = take(leecher, 0, 8)
  await clock.advance(100)
  const cancels = countCancels(own)
  const speak = mute(link)
  await clock.advance(1_000)
  speak()
  assert.ok((await clock.until(some)).every((bytes) => bytes !== undefined))
  assert.equal(cancels(), 0)
})

test('a slow peer keeps what it owes', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [, link] = connect(clock, peer().hold(0, 2), leecher, { bytesPerMs: 40 })
  await clock.advance(1_000)
  const cancels = countCancels(link)
  const wanted = Promise.all([leecher.fetch(0), leecher.fetch(1)])
  connect(clock, peer().hold(0, 2), leecher, { bytesPerMs: 40 })
  assert.ok((await clock.until(wanted)).every((bytes) => bytes !== undefined))
  assert.equal(cancels(), 0)
})

test('a silent peer counts as one that has nothing until it delivers again', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  await clock.advance(100)
  void take(leecher)
  await clock.advance(300)
  const speak = mute(link)
  await clock.advance(800)
  assert.deepEqual([...leecher.driver.swarm.available], [0, 0, 0])
  speak()
  await clock.advance(300)
  assert.deepEqual([...leecher.driver.swarm.available], [0xff, 0xff, 0xff])
})

test('who has nothing else to do brings what a peer that pauses owes', async () => {
  const { clock, peer } = world()
  const leecher = peer().hold(8)
  const [link] = connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  await clock.advance(100)
  await clock.until(take(leecher, 0, 6))
  connect(clock, peer().hold(), leecher, { bytesPerMs: 1_000 })
  await clock.advance(100)
  mute(link)
  const [askedMs, wanted] = [clock.now(), take(leecher, 6, 8)]
  assert.deepEqual(await clock.until(wanted), [contentOf(6), contentOf(7)])
  assert.ok(clock.now() - askedMs < 600, `took ${clock.now() - askedMs} ms`)
})
