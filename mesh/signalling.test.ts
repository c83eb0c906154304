import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InfoHash } from '../protocol/units.ts'
import { peerId, VirtualClock, VirtualPeer, virtualLinks } from '../test/harness/virtual-mesh.ts'
import { Signalling, type SignallingOptions } from './signalling.ts'
import type { OfferId } from './tracker-messages.ts'
import { TrackerPool } from './tracker-pool.ts'
import type { Link, OpenSocket, TextSocketEvents, Transport } from './transport.ts'

const INFO_HASH = 'ff00112233445566778899aabbccddeeff001122' as InfoHash
const OFFER_ID = '00ff'.repeat(10) as OfferId
const binary = (hex: string) =>
  (hex.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16))).join('')

/** A tracker that does what it is told, on the same clock. */
class SteeredTracker {
  readonly dialled: { readonly url: string; readonly atMs: number }[] = []
  readonly heard: Record<string, unknown>[] = []
  answers = true
  peers = 1
  isUp = true
  #events: TextSocketEvents | undefined
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  readonly open: OpenSocket = (url, events) => {
    if (!url.startsWith('ws://')) throw new SyntaxError(`Invalid URL: ${url}`)
    this.dialled.push({ url, atMs: this.#clock.now() })
    this.#events = events
    this.#clock.after(1, () => (this.isUp ? events.onOpen() : events.onClose()))
    return {
      send: (text) => {
        const message: Record<string, unknown> = JSON.parse(text)
        this.heard.push(message)
        if (this.answers && message.answer === undefined)
          this.say({
            action: 'announce',
            info_hash: message.info_hash,
            interval: 120,
            complete: 0,
            incomplete: this.peers,
          })
      },
      close: () => this.#clock.after(0, () => events.onClose()),
    }
  }

  say(message: object): void {
    this.#clock.after(1, () => this.#events?.onText(JSON.stringify(message)))
  }

  offer(from: number): void {
    this.say({
      action: 'announce',
      info_hash: binary(INFO_HASH),
      peer_id: binary(peerId(from)),
      offer_id: binary(OFFER_ID),
      offer: { type: 'offer', sdp: 'theirs' },
    })
  }

  hangUp(): void {
    this.#events?.onClose()
  }
}

/** Counts the connections that exist, so that a leak shows. */
class CountingTransport implements Transport {
  alive = 0
  opens = true
  /** How long it takes to describe an offer. */
  describedMs = 0
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  async offer() {
    if (this.describedMs > 0) await new Promise<void>((resolve) => this.#clock.after(this.describedMs, resolve))
    const negotiation = this.#negotiate(() => this.opens && this.#clock.now() < 0)
    return { ...negotiation, accept: () => undefined }
  }

  async answer() {
    return this.#negotiate(() => this.opens)
  }

  #negotiate(opens: () => boolean) {
    this.alive++
    let isOver = false
    let fail: (error: Error) => void = () => undefined
    const opened = new Promise<Link>((resolve, reject) => {
      fail = reject
      if (opens()) this.#clock.after(5, () => !isOver && resolve(virtualLinks(this.#clock)[0]))
    })
    const abandon = () => {
      if (isOver) return
      isOver = true
      this.alive--
      fail(new Error('abandoned'))
    }
    return { sdp: 'ours', opened, abandon }
  }
}

function setUp(
  announce = ['ws://one/announce'],
  options: Partial<SignallingOptions> = {},
  { held = 0, describedMs = 0 } = {},
) {
  const clock = new VirtualClock()
  const tracker = new SteeredTracker(clock)
  const transport = new CountingTransport(clock)
  transport.describedMs = describedMs
  const peer = new VirtualPeer(clock, 1, { chunkCount: 8 }).hold(0, held)
  const pool = new TrackerPool({ clock, random: () => 0.5, openSocket: tracker.open })
  let lastOffer = 0
  const reported: number[] = []
  const signalling: Signalling = new Signalling({
    infoHash: INFO_HASH,
    peerId: peer.id,
    announce,
    clock,
    pool,
    transport,
    driver: peer.driver,
    newOfferId: () => peerId(++lastOffer + 1000) as string as OfferId,
    onChange: () => reported.push(signalling.expected),
    ...options,
  })
  const offersIn = (message: Record<string, unknown> | undefined) =>
    Array.isArray(message?.offers) ? message.offers.length : -1
  return { clock, tracker, transport, peer, signalling, offersIn, reported }
}

test('nobody else there: no offers are made', async () => {
  const { clock, tracker, transport, signalling, offersIn } = setUp()
  await clock.advance(100)
  assert.equal(signalling.phase, 'up')
  assert.deepEqual(tracker.heard.map(offersIn), [0])
  assert.equal(transport.alive, 0)
})

test('who is in a hurry gives its offers with the first announce, and makes no more than there are peers', async () => {
  const { clock, tracker, transport, offersIn } = setUp(undefined, { isHurried: true })
  tracker.peers = 5
  await clock.advance(100)
  assert.deepEqual(tracker.heard.map(offersIn), [3, 1])
  assert.equal(transport.alive, 4)
})

test('offers that are ready after the first announce follow it, unless there is nobody', async () => {
  const offersWith = async (peers: number) => {
    const world = setUp(undefined, { isHurried: true }, { describedMs: 40 })
    world.tracker.peers = peers
    await world.clock.advance(100)
    return { offers: world.tracker.heard.map(world.offersIn), alive: world.transport.alive }
  }
  assert.deepEqual(await offersWith(3), { offers: [0, 3], alive: 3 })
  assert.deepEqual(await offersWith(1), { offers: [0], alive: 0 })
})

test('offers made in a hurry are dropped when nobody is there to take them', async () => {
  const { clock, tracker, transport, offersIn } = setUp(undefined, { isHurried: true })
  await clock.advance(100)
  assert.deepEqual(tracker.heard.map(offersIn), [3])
  assert.equal(transport.alive, 0)
})

test('who lacks nothing makes no offers in a hurry', async () => {
  const { clock, tracker, transport, offersIn } = setUp(undefined, { isHurried: true }, { held: 8 })
  await clock.advance(100)
  assert.deepEqual(tracker.heard.map(offersIn), [0])
  assert.equal(transport.alive, 0)
})

test('as many offers as the tracker knows other peers, five at most; unanswered ones are freed', async () => {
  const { clock, tracker, transport, offersIn } = setUp()
  tracker.peers = 4
  await clock.advance(100)
  assert.deepEqual(tracker.heard.map(offersIn), [0, 3])
  assert.equal(transport.alive, 3)
  tracker.peers = 100
  await clock.advance(45_000)
  assert.ok(transport.alive <= 12, `${transport.alive} connections offered`)
  tracker.peers = 1
  await clock.advance(300_000)
  assert.equal(transport.alive, 0)
})

test('who is alone though the tracker knows others asks again before the interval is over', async () => {
  const { clock, tracker } = setUp()
  tracker.peers = 3
  await clock.advance(20_000)
  assert.equal(tracker.heard.length, 5, 'twice at once, then after about 2, 4 and 8 s')
  tracker.peers = 1
  await clock.advance(15_000)
  const { length } = tracker.heard
  await clock.advance(100_000)
  assert.equal(tracker.heard.length, length, 'with nobody to meet, once an interval is enough')
})

test('who is met in another swarm is not offered to', async () => {
  let met = 2
  const { clock, tracker, offersIn } = setUp(undefined, { met: () => met })
  tracker.peers = 3
  await clock.advance(60_000)
  assert.deepEqual(tracker.heard.map(offersIn), [0])
  met = 1
  await clock.advance(20_000)
  assert.deepEqual(new Set(tracker.heard.slice(1).map(offersIn)), new Set([2]))
})

test('an offer is answered, and the connection handed to the swarm', async () => {
  const { clock, tracker, peer } = setUp()
  await clock.advance(100)
  tracker.offer(2)
  await clock.advance(100)
  const answer = tracker.heard.find((message) => message.answer)
  assert.deepEqual(answer?.answer, { type: 'answer', sdp: 'ours' })
  assert.equal(answer?.to_peer_id, binary(peerId(2)))
  assert.equal(peer.driver.swarm.room, 11)
})

test('our own offers, sent back by the tracker, and second offers of one peer are not answered', async () => {
  const { clock, tracker } = setUp()
  await clock.advance(100)
  tracker.offer(1)
  tracker.offer(2)
  tracker.offer(2)
  await clock.advance(100)
  assert.equal(tracker.heard.filter((message) => message.answer).length, 1)
})

test('a flood of offers is answered for as many as there is room for, and none is leaked', async () => {
  const { clock, tracker, transport, signalling } = setUp()
  transport.opens = false
  await clock.advance(100)
  for (let from = 2; from < 500; from++) tracker.offer(from)
  await clock.advance(1_000)
  assert.ok(transport.alive <= 12, `${transport.alive} connections`)
  await clock.advance(30_000)
  assert.equal(transport.alive, 0)
  tracker.offer(700)
  await clock.advance(100)
  assert.equal(transport.alive, 0, 'a minute has not passed')
  signalling.close()
})

test('how many peers are expected is told when it changes, and only then', async () => {
  const { clock, tracker, reported, signalling } = setUp()
  tracker.peers = 3
  await clock.advance(100)
  assert.equal(signalling.expected, 2)
  assert.equal(reported.at(-1), 2)
  const { length } = reported
  await clock.advance(16_000) // the next announce knows of no more
  assert.equal(reported.length, length)
  tracker.peers = 1
  await clock.advance(15_000)
  assert.equal(reported.at(-1), 0)
})

test('who is on its way is expected until it has greeted', async () => {
  const { clock, tracker, reported, signalling, peer } = setUp()
  await clock.advance(100)
  const before = reported.length
  tracker.offer(2)
  await clock.advance(100)
  assert.deepEqual(reported.slice(before), [1])
  assert.equal(peer.driver.swarm.links, 1)
  assert.equal(peer.driver.swarm.peers, 0)
  assert.equal(signalling.expected, 1)
})

test('who never connects is expected no longer', async () => {
  const { clock, tracker, transport, reported, signalling } = setUp()
  transport.opens = false
  await clock.advance(100)
  const before = reported.length
  tracker.offer(2)
  await clock.advance(30_000)
  assert.deepEqual(reported.slice(before), [1, 0])
  assert.equal(signalling.expected, 0)
})

test('a tracker that is gone is dialled again, ever more rarely, and the swarm knows', async () => {
  const { clock, tracker, signalling } = setUp()
  tracker.isUp = false
  await clock.advance(600_000)
  assert.equal(signalling.phase, 'down')
  const waits = tracker.dialled.slice(1).map(({ atMs }, i) => atMs - (tracker.dialled[i]?.atMs ?? 0))
  assert.ok(
    waits.every((wait, i) => wait >= (waits[i - 1] ?? 0)),
    waits.join(' '),
  )
  assert.ok(tracker.dialled.length < 16, `${tracker.dialled.length} times`)
  tracker.isUp = true
  await clock.advance(600_000)
  assert.equal(signalling.phase, 'up')
})

test('a tracker that accepts and says nothing is taken for lost', async () => {
  const { clock, tracker, signalling } = setUp(['ws://one/', 'ws://two/'])
  tracker.answers = false
  await clock.advance(20_000)
  assert.equal(new Set(tracker.dialled.map(({ url }) => url)).size, 2)
  tracker.answers = true
  await clock.advance(60_000)
  assert.equal(signalling.phase, 'up')
})

test('an address that no socket takes is a tracker that is down', async () => {
  const { clock, signalling } = setUp(['nonsense'])
  await clock.advance(60_000)
  assert.equal(signalling.phase, 'down')
  const other = setUp(['nonsense', 'ws://one/'])
  await other.clock.advance(20_000)
  assert.equal(other.signalling.phase, 'up')
})

test('when a tracker is lost, the next of the list takes over at once', async () => {
  const { clock, tracker, signalling } = setUp(['ws://one/', 'ws://two/'])
  await clock.advance(100)
  tracker.hangUp()
  await clock.advance(100)
  assert.equal(tracker.dialled.length, 2)
  assert.notEqual(tracker.dialled[0]?.url, tracker.dialled[1]?.url)
  assert.equal(signalling.phase, 'up')
})

test('closing says goodbye, and leaves no connection and no dialling behind', async () => {
  const { clock, tracker, transport, signalling } = setUp()
  tracker.peers = 4
  await clock.advance(100)
  signalling.close()
  assert.equal(tracker.heard.at(-1)?.event, 'stopped')
  assert.equal(transport.alive, 0)
  const { length } = tracker.dialled
  await clock.advance(600_000)
  assert.equal(tracker.dialled.length, length)
})
