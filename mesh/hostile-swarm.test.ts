import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KiB } from '../protocol/units.ts'
import { MESSAGE_TYPE } from '../protocol/wire/messages.ts'
import { flip, tamper } from '../test/harness/tamper.ts'
import {
  connect,
  contentOf,
  LAST_LENGTH,
  treesOf,
  VirtualClock,
  type VirtualLink,
  VirtualPeer,
} from '../test/harness/virtual-mesh.ts'

// Swarms of honest and other peers: whatever those do, everything arrives, and the honest are left alone.

const COUNT = 4
const CHUNK = 512 * KiB
const trees = treesOf(COUNT, CHUNK)
const good = (chunk: number) => contentOf(chunk, chunk === COUNT - 1 ? LAST_LENGTH : CHUNK)

interface Nature {
  readonly kind:
    | 'honest'
    | 'wrong blocks'
    | 'wrong leaves'
    | 'no leaves'
    | 'mute'
    | 'old'
    | 'forgetful'
    | 'fickle'
    | 'fleeting'
  /** Bytes a millisecond. */
  readonly speed: number
  readonly latencyMs: number
  /** When it begins to be what it is. */
  readonly fromMs: number
  /** When it connects. */
  readonly atMs: number
}

const nature: fc.Arbitrary<Nature> = fc.record({
  kind: fc.constantFrom(
    'honest',
    'wrong blocks',
    'wrong leaves',
    'no leaves',
    'mute',
    'old',
    'forgetful',
    'fickle',
    'fleeting',
  ),
  speed: fc.constantFrom(50, 300, 1000, 5000),
  latencyMs: fc.constantFrom(1, 20, 150),
  fromMs: fc.constantFrom(0, 100, 400, 1500),
  atMs: fc.constantFrom(0, 50, 700),
})

/** From now on, the peer behind `link` is what it is. */
function behave({ kind }: Nature, peer: VirtualPeer, link: VirtualLink, clock: VirtualClock): void {
  if (kind === 'wrong blocks') tamper(link, MESSAGE_TYPE.piece, (frame) => flip(frame, 13))
  if (kind === 'wrong leaves') tamper(link, MESSAGE_TYPE.hashes, (frame) => flip(frame, 53))
  if (kind === 'no leaves') tamper(link, MESSAGE_TYPE.hashes, () => false)
  if (kind === 'mute') tamper(link, MESSAGE_TYPE.piece, () => false)
  if (kind === 'forgetful') peer.lose(0)
  if (kind === 'fleeting') link.close()
  if (kind === 'fickle') {
    peer.driver.setSharing(false)
    clock.after(800, () => peer.driver.setSharing(true))
  }
}

test('whatever some peers do, all chunks arrive as they are, and no honest peer is let go', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(nature, { maxLength: 4 }),
      nature,
      fc.constantFrom(15_000, 60_000, 600_000),
      async (others, one, deadlineMs) => {
        const clock = new VirtualClock()
        const options = { chunkCount: COUNT, chunkSize: CHUNK }
        const leecher = new VirtualPeer(clock, 1, { ...options, trees })
        const natures: Nature[] = [...others, { ...one, kind: 'honest' }]
        const links: VirtualLink[] = []
        for (const [i, each] of natures.entries()) {
          const proves = each.kind === 'old' ? {} : { trees }
          const peer = new VirtualPeer(clock, 2 + i, { ...options, ...proves }).hold()
          clock.after(each.atMs, () => {
            const wire = { bytesPerMs: each.speed, latencyMs: each.latencyMs }
            const [link] = connect(clock, peer, leecher, wire)
            links[i] = link
            clock.after(each.fromMs, () => behave(each, peer, link, clock))
          })
        }
        // What comes to nothing in time is asked for again, as by a worker whose origin is gone.
        for (let chunk = 0; chunk < COUNT; chunk++) {
          let bytes: Uint8Array | undefined
          for (let attempt = 0; attempt < 40 && bytes === undefined; attempt++)
            bytes = await clock.until(leecher.fetch(chunk, deadlineMs), deadlineMs + 1_000)
          assert.ok(bytes && Buffer.from(bytes).equals(good(chunk)), `chunk ${chunk}`)
        }
        await clock.advance(2_000)
        const innocent = new Set<Nature['kind']>(['honest', 'old', 'no leaves', 'forgetful', 'fickle'])
        for (const [i, each] of natures.entries())
          if (innocent.has(each.kind)) assert.equal(links[i]?.isOpen, true, `${each.kind} was let go`)
      },
    ),
    { numRuns: 40 },
  )
})
