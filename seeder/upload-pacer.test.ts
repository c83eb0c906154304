import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link } from '../mesh/transport.ts'
import { KiB, MiB } from '../protocol/units.ts'
import { VirtualClock, virtualLinks } from '../test/harness/virtual-mesh.ts'
import { UploadPacer } from './upload-pacer.ts'

const MESSAGE = 16 * KiB

/** Keeps a link filled as a swarm does; counts what reaches the other side. */
function pour(clock: VirtualClock, pacer: UploadPacer, wire = {}, isFilled = true) {
  const [inner, far] = virtualLinks(clock, wire)
  const received = { bytes: 0, closed: false }
  far.listen({
    onMessage: (bytes) => {
      received.bytes += bytes.length
    },
    onDrain: () => undefined,
    onClose: () => {
      received.closed = true
    },
  })
  const link: Link = pacer.wrap(inner)
  const fill = () => {
    while (link.buffered < 256 * KiB) link.send(new Uint8Array(MESSAGE))
  }
  link.listen({ onMessage: () => undefined, onDrain: isFilled ? fill : () => undefined, onClose: () => undefined })
  return { link, inner, far, received, fill }
}

test('all links together stay below the limit and share it evenly', async () => {
  const clock = new VirtualClock()
  const limit = 4 * MiB
  const pacer = new UploadPacer(clock, limit)
  const flows = Array.from({ length: 8 }, () => pour(clock, pacer))
  for (const { fill } of flows) fill()
  await clock.advance(1_000)
  const early = flows.map(({ received }) => received.bytes)
  await clock.advance(10_000)
  const gained = flows.map(({ received }, i) => received.bytes - (early[i] ?? 0))
  const sum = gained.reduce((a, b) => a + b, 0)
  assert.ok(Math.abs(sum - 10 * limit) < limit / 10, `${sum} bytes in ten seconds`)
  for (const bytes of gained) assert.ok(Math.abs(bytes - sum / 8) <= 2 * MESSAGE, `${bytes} of ${sum}`)
  pacer.close()
})

test('a slow link takes only what it can send, the others have the rest', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock, 4 * MiB)
  const slow = pour(clock, pacer, { bytesPerMs: 32 })
  const quick = pour(clock, pacer)
  slow.fill()
  quick.fill()
  await clock.advance(10_000)
  assert.ok(slow.received.bytes > 9 * 32_000, `${slow.received.bytes} over the slow link`)
  assert.ok(quick.received.bytes > 35 * MiB, `${quick.received.bytes} over the quick link`)
  assert.ok(slow.inner.mostBuffered <= 128 * KiB + MESSAGE, 'what waits, waits here, where it can be taken back')
  pacer.close()
})

test('without a limit bytes pass at once, in larger messages', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock)
  const sizes: number[] = []
  let drained = () => {}
  const link = pacer.wrap({
    buffered: 0,
    send: (bytes) => sizes.push(bytes.length),
    listen: ({ onDrain }) => {
      drained = onDrain
    },
    close: () => undefined,
  })
  link.listen({ onMessage: () => undefined, onDrain: () => undefined, onClose: () => undefined })
  for (const size of [20, 16 * KiB, 16 * KiB, 16 * KiB, 16 * KiB, 100 * KiB, 7]) link.send(new Uint8Array(size))
  drained() // what the link has sent meanwhile is no reason to send this in pieces
  assert.deepEqual([sizes, pacer.buffered], [[], 164 * KiB + 27])
  await Promise.resolve()
  assert.deepEqual(sizes, [64 * KiB, 64 * KiB, 36 * KiB + 27])
  assert.equal(pacer.buffered, 0)
})

test('a link that is closed, here or there, leaves nothing behind', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock, 100 * KiB)
  const [ours, theirs] = [pour(clock, pacer), pour(clock, pacer)]
  ours.fill()
  theirs.fill()
  assert.equal(pacer.links, 2)
  assert.ok(pacer.buffered > 0)
  ours.link.close()
  theirs.far.close()
  await clock.advance(100)
  assert.deepEqual([pacer.links, pacer.buffered], [0, 0])
  assert.ok(ours.received.closed)
  pacer.close()
})

test('no link has more than one of them may, whatever is left of the whole', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock, 10 * MiB, MiB)
  const flows = Array.from({ length: 3 }, () => pour(clock, pacer))
  for (const { fill } of flows) fill()
  await clock.advance(11_000)
  for (const { received } of flows)
    assert.ok(received.bytes > 10 * MiB && received.bytes < 13 * MiB, `${received.bytes} over one link`)
  pacer.close()
})

test('the limit of the whole holds below those of each', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock, MiB, MiB)
  const flows = Array.from({ length: 4 }, () => pour(clock, pacer))
  for (const { fill } of flows) fill()
  await clock.advance(11_000)
  const each = flows.map(({ received }) => received.bytes)
  const sum = each.reduce((a, b) => a + b, 0)
  assert.ok(sum > 10 * MiB && sum < 12.5 * MiB, `${sum} bytes in eleven seconds`)
  assert.ok(Math.min(...each) > sum / 5, `unevenly: ${each}`)
  pacer.close()
})

test('who has been idle longest gives way, and nobody who was served of late', async () => {
  const clock = new VirtualClock()
  const pacer = new UploadPacer(clock)
  const open = () => pour(clock, pacer, {}, false)
  const [first, second, third] = [open(), open(), open()]
  await clock.advance(10_000)
  first.link.send(new Uint8Array(MESSAGE))
  second.link.send(new Uint8Array(9)) // it is only told something
  assert.ok(!pacer.makeRoom(), 'all came a moment ago')
  await clock.advance(6_000)
  third.link.send(new Uint8Array(MESSAGE))
  assert.ok(pacer.makeRoom())
  await clock.advance(1_000)
  assert.deepEqual(
    [first, second, third].map(({ received }) => received.closed),
    [false, true, false],
  )
  assert.equal(pacer.links, 2)
  assert.ok(!pacer.makeRoom())
  pacer.close()
})
