import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB, MiB } from '../protocol/units.ts'
import { Stranger } from '../test/harness/stranger.ts'
import { connect, VirtualClock, type VirtualLink, VirtualPeer } from '../test/harness/virtual-mesh.ts'
import { Outbox } from './outbox.ts'

// How many data channel messages it takes: each costs both sides, whatever its size.

const COUNT = 200
const CHUNK = 32 * KiB

/** Counts what goes over a link. */
function counted(link: VirtualLink): number[] {
  const sizes: number[] = []
  link.tap = (bytes) => {
    sizes.push(bytes.length)
    return bytes
  }
  return sizes
}

test('blocks go out several at a time, whatever the chunks, and are asked for in batches', async () => {
  const clock = new VirtualClock()
  const [seeder, leecher] = [1, 2].map((id) => new VirtualPeer(clock, id, { chunkCount: COUNT, chunkSize: CHUNK }))
  assert.ok(seeder && leecher)
  const [down, up] = connect(clock, seeder.hold(), leecher).map(counted)
  await clock.advance(100)
  await clock.until(leecher.fetchAll())
  const size = (COUNT * CHUNK) / MiB
  assert.ok(down && up)
  assert.ok(down.length <= 32 * size, `${down.length} messages for ${size} MiB`)
  assert.ok(Math.max(...down) <= 64 * KiB)
  assert.ok(up.length <= 16 * size, `${up.length} messages to ask for ${size} MiB`)
})

test('what is sent together shares messages, each of whole frames, and a frame alone is not copied', () => {
  const outbox = new Outbox()
  const block = new Uint8Array(16 * KiB)
  const head = new Uint8Array(13)
  for (let i = 0; i < 4; i++) outbox.add(head, block)
  outbox.add(head)
  assert.deepEqual(
    outbox.take().map(({ length }) => length),
    [3 * (13 + 16 * KiB), 13 + 16 * KiB + 13],
  )
  outbox.add(head)
  assert.equal(outbox.take()[0], head)
  assert.deepEqual(outbox.take(), [])
})

test('who has a chunk itself hears of it with whatever is said next, or a moment later', async () => {
  const clock = new VirtualClock()
  const peer = new VirtualPeer(clock, 1, { chunkCount: COUNT }).hold(0, 1)
  const [rich, poor] = [new Stranger(clock, peer, 98), new Stranger(clock, peer, 99)]
  rich.say({ kind: 'have-all' })
  await clock.advance(300)
  assert.ok(rich.link.other)
  const toRich = counted(rich.link.other)
  for (let chunk = 1; chunk < 10; chunk++) peer.hold(chunk, chunk + 1)
  await clock.advance(20)
  assert.deepEqual([rich.of('have').length, poor.of('have').length], [0, 9])
  await clock.advance(300)
  assert.equal(rich.of('have').length, 9)
  assert.deepEqual(toRich, [9 * 9], 'in one message')
})
