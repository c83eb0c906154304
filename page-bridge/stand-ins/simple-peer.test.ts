import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import wrtc from '@roamhq/wrtc'
import { GATHER_MS, OWN_GATHER_MS, peerTransport, type StreamPeer } from '../../mesh/peer-transport.ts'
import type { Link } from '../../mesh/transport.ts'
import { KiB, MiB } from '../../protocol/units.ts'
import { nodeClock } from '../../seeder/node-clock.ts'
import { bundled } from '../../test/harness/bundled.ts'
import { eventually } from '../../test/harness/poll.ts'

// simple-peer as pages get it, with the stand-ins, against simple-peer as it comes.

interface Peer extends StreamPeer {
  readonly destroyed: boolean
  signal(description: unknown): void
  send(data: string): void
  end(): void
  on(event: string, listener: (value: unknown) => void): unknown
  destroy(error?: Error): void
}
type PeerClass = new (options: object) => Peer
type Kind = 'real' | 'lean'

const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['lean', 'real'],
  ['real', 'lean'],
  ['lean', 'lean'],
]
const MESSAGE = 16 * KiB

async function peerClass(t: TestContext, kind: Kind): Promise<PeerClass> {
  return await bundled(t, 'simple-peer', kind)
}

function newPeer(Peer: PeerClass, initiator: boolean, iceCompleteTimeout = GATHER_MS): Peer {
  return new Peer({ initiator, wrtc, trickle: false, iceCompleteTimeout, config: {} })
}

/** Two links through our own transport; the first made the offer. */
async function connect(
  t: TestContext,
  kinds: readonly Kind[],
  gatherMs?: number,
  onOffer?: (sdp: string) => void,
): Promise<[Link, Link]> {
  const [a, b] = await Promise.all(
    kinds.map(async (kind) => {
      const Peer = await peerClass(t, kind)
      return peerTransport(({ initiator }) => newPeer(Peer, initiator, gatherMs), nodeClock)
    }),
  )
  assert.ok(a && b)
  const offer = await a.offer()
  onOffer?.(offer.sdp)
  const answer = await b.answer(offer.sdp)
  offer.accept(answer.sdp)
  const links = await Promise.all([offer.opened, answer.opened])
  t.after(() => links.forEach((link) => void link.close()))
  return links
}

/** Sends all of `bytes`, as a swarm does, and resolves with the hash of what has come once that is as much. */
function exchange(link: Link, bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256')
  let received = 0
  let at = 0
  const fill = () => {
    for (; at < bytes.length && link.buffered < 256 * KiB; at += MESSAGE) link.send(bytes.subarray(at, at + MESSAGE))
  }
  return new Promise((resolve, reject) => {
    link.listen({
      onMessage: (message) => {
        hash.update(message)
        received += message.length
        if (received === bytes.length) resolve(hash.digest('hex'))
      },
      onDrain: fill,
      onClose: () => reject(new Error('closed too early')),
    })
    fill()
  })
}

for (const kinds of PAIRS) {
  test(`bytes go both ways between ${kinds.join(' and ')}`, { timeout: 60_000 }, async (t) => {
    const links = await connect(t, kinds)
    const sent = links.map(() => new Uint8Array(randomBytes(4 * MiB)))
    const received = await Promise.all(links.map((link, i) => exchange(link, sent[i] ?? new Uint8Array())))
    const hashes = sent.map((bytes) => createHash('sha256').update(bytes).digest('hex'))
    assert.deepEqual(received, hashes.toReversed())
  })

  for (const closer of [0, 1])
    test(`${kinds[closer]} closes on ${kinds[1 - closer]}, which hears it once`, { timeout: 60_000 }, async (t) => {
      const links = await connect(t, kinds)
      const closes: number[] = []
      const closed = new Promise<void>((resolve) => {
        for (const [i, link] of links.entries())
          link.listen({
            onMessage: () => undefined,
            onDrain: () => undefined,
            onClose: () => {
              closes.push(i)
              if (i !== closer) resolve()
            },
          })
      })
      links[closer]?.close()
      await closed
      links[1 - closer]?.send(Uint8Array.of(1))
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.deepEqual(closes, [1 - closer])
      assert.deepEqual(
        links.map(({ buffered }) => buffered),
        [0, 0],
      )
    })
}

test('an offer names our own addresses without waiting for the end', { timeout: 60_000 }, async (t) => {
  const offers: string[] = []
  await connect(t, ['lean', 'lean'], GATHER_MS, (sdp) => offers.push(sdp))
  await connect(t, ['lean', 'lean'], OWN_GATHER_MS, (sdp) => offers.push(sdp))
  const named = offers.map((sdp) => ['udp', 'tcp'].map((kind) => sdp.includes(` ${kind} `)))
  // Those of TCP are gathered last, 0.1 s after the others, and of no use here.
  assert.deepEqual(named, [
    [true, true],
    [true, false],
  ])
})

const EVENTS = ['signal', 'connect', 'data', 'end', 'finish', 'error', 'close']

/** What a peer tells, each with what matters of it. */
function listenTo(peer: Peer): string[] {
  const log: string[] = []
  for (const event of EVENTS)
    peer.on(event, (value) => {
      const code = value instanceof Error && 'code' in value ? ` ${value.code}` : ''
      log.push(event === 'data' ? `data ${value instanceof Uint8Array && Buffer.from(value)}` : `${event}${code}`)
    })
  return log
}

interface Scene {
  readonly peer: Peer
  readonly far: Peer
  /** What `peer` has told so far. */
  readonly log: string[]
  /** Resolves when `peer` or the other side tells of this event; also when that was before. */
  until(side: 'peer' | 'far', event: string): Promise<void>
}

/** A peer of one kind, and a real one that answers its offers. */
async function openScene(t: TestContext, kind: Kind): Promise<Scene> {
  const [peer, far] = [newPeer(await peerClass(t, kind), true), newPeer(await peerClass(t, 'real'), false)]
  const logs = { peer: listenTo(peer), far: listenTo(far) }
  peer.on('signal', (signal) => far.signal(signal))
  far.on('signal', (signal) => peer.signal(signal))
  t.after(() => [peer, far].forEach((each) => void each.destroy()))
  const until = async (side: 'peer' | 'far', event: string) => {
    await eventually(
      () => logs[side],
      (log) => log.some((line) => line.startsWith(event)),
    )
  }
  return { peer, far, log: logs.peer, until }
}

const SCENES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'what is written before it connects arrives, and texts come as bytes': async ({ peer, far, log, until }) => {
    peer.write(Buffer.from('early'), () => log.push('written'))
    await Promise.all([until('far', 'data early'), until('peer', 'connect')])
    far.send('text')
    far.send('')
    far.write(Buffer.from('bytes'), () => undefined)
    await until('peer', 'data bytes')
    peer.destroy()
    await until('far', 'close')
  },
  'the other side goes': async ({ peer, far, log, until }) => {
    await Promise.all([until('far', 'connect'), until('peer', 'connect')])
    far.destroy()
    await until('peer', 'close')
    peer.write(Buffer.from('late'), () => log.push('written'))
  },
  'it ends by itself, once all is written': async ({ peer, log, until }) => {
    await until('peer', 'connect')
    peer.write(Buffer.from('last'), () => log.push('written'))
    peer.end()
    await until('far', 'data last')
    await until('far', 'close')
  },
  'a description that is none': async ({ peer, until }) => {
    peer.signal({ type: 'answer', sdp: 'nonsense' })
    await until('peer', 'close')
  },
  'a signal that is none': async ({ peer, until }) => {
    peer.signal({})
    await until('peer', 'close')
  },
  'it is destroyed with an error, twice': async ({ peer, until }) => {
    peer.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
    peer.destroy(new Error('more than enough'))
    await until('peer', 'close')
    assert.throws(() => peer.signal({ type: 'answer', sdp: '' }), { code: 'ERR_DESTROYED' })
  },
}

for (const [name, play] of Object.entries(SCENES))
  test(`the stand-ins tell the same: ${name}`, { timeout: 60_000 }, async (t) => {
    const told = async (kind: Kind) => {
      const scene = await openScene(t, kind)
      await play(scene)
      await new Promise((resolve) => setTimeout(resolve, 50))
      return scene.log
    }
    const real = await told('real')
    t.diagnostic(real.join(', '))
    assert.deepEqual(await told('lean'), real)
  })
