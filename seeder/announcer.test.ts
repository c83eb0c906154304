import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OfferId } from '../mesh/tracker-messages.ts'
import { TrackerPool } from '../mesh/tracker-pool.ts'
import type { OpenSocket, TextSocketEvents } from '../mesh/transport.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { VirtualClock } from '../test/harness/virtual-mesh.ts'
import { Announcer, type AnnouncerOptions, type IncomingOffer, type TrackerAnswer } from './announcer.ts'

const URL_A = 'ws://a.example/announce'
const URL_B = 'ws://b.example/announce'
const OWN = 'aa'.repeat(20) as PeerId
const VISITOR = 'bb'.repeat(20) as PeerId
const hashOf = (n: number) => n.toString(16).padStart(40, '0') as InfoHash
const binary = (hex: string) => Buffer.from(hex, 'hex').toString('latin1')
const hexOf = (text: string) => Buffer.from(text, 'latin1').toString('hex')

interface Sent {
  readonly info_hash: string
  readonly event?: string
  readonly left: number
  readonly offers?: unknown[]
  readonly answer?: { sdp: string }
}

/** A tracker that is told what to do. */
class SteeredTracker {
  readonly heard: Sent[] = []
  connections = 0
  #socket: TextSocketEvents | undefined

  readonly open: OpenSocket = (_url, events) => {
    this.connections++
    this.#socket = events
    return { send: (text) => this.heard.push(JSON.parse(text)), close: () => events.onClose() }
  }

  accept(): void {
    this.#socket?.onOpen()
  }

  drop(): void {
    this.#socket?.onClose()
  }

  say(message: object): void {
    this.#socket?.onText(JSON.stringify(message))
  }

  /** Swarms announced since the last call. */
  announced(): string[] {
    return this.heard.splice(0).map(({ info_hash }) => hexOf(info_hash))
  }
}

function setUp(trackers: Record<string, SteeredTracker>, options: Partial<AnnouncerOptions> = {}) {
  const clock = new VirtualClock()
  const openSocket: OpenSocket = (url, events) => {
    const tracker = trackers[url]
    if (tracker === undefined) throw new Error(`no tracker at ${url}`)
    return tracker.open(url, events)
  }
  const events: string[] = []
  const announcer = new Announcer({
    peerId: OWN,
    clock,
    pool: new TrackerPool({ clock, openSocket, random: () => 0.5 }),
    onOffer: () => undefined,
    onAnswer: () => undefined,
    onAnnounced: () => undefined,
    onTracker: (url, event) => events.push(`${url} ${event.kind === 'refuses' ? event.reason : event.kind}`),
    ...options,
  })
  announcer.setTrackers(Object.keys(trackers))
  return { clock, announcer, events }
}

test('ten thousand swarms take one socket, and 250 announces a second at most', async () => {
  const tracker = new SteeredTracker()
  const { clock, announcer } = setUp({ [URL_A]: tracker })
  for (let i = 0; i < 10_000; i++) announcer.add({ infoHash: hashOf(i), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  const seen = new Set<string>()
  for (let second = 0; second < 40; second++) {
    await clock.advance(1_000)
    const announced = tracker.announced()
    assert.ok(announced.length <= 250, `${announced.length} in one second`)
    for (const infoHash of announced) seen.add(infoHash)
  }
  assert.equal(seen.size, 10_000)
  assert.equal(tracker.connections, 1)
  announcer.close()
})

test('each swarm is announced again, a new one at once', async () => {
  const tracker = new SteeredTracker()
  const { clock, announcer } = setUp({ [URL_A]: tracker })
  announcer.add({ infoHash: hashOf(1), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  await clock.advance(1_000)
  assert.deepEqual(tracker.announced(), [hashOf(1)])
  tracker.say({ action: 'announce', info_hash: binary(hashOf(1)), interval: 60, complete: 1, incomplete: 0 })
  announcer.add({ infoHash: hashOf(2), missing: 3, uploaded: 0 })
  await clock.advance(200)
  assert.deepEqual(
    tracker.heard.map(({ event, left }) => ({ event, left })),
    [{ event: 'started', left: 3 }],
  )
  tracker.announced()
  await clock.advance(11_000)
  assert.deepEqual(tracker.announced().sort(), [hashOf(1), hashOf(2)])
  announcer.remove(hashOf(1))
  assert.equal(tracker.heard[0]?.event, 'stopped')
  announcer.close()
})

test('where somebody lacks something we ask again soon, of all the others seldom', async () => {
  const tracker = new SteeredTracker()
  const { clock, announcer } = setUp({ [URL_A]: tracker })
  for (let i = 0; i < 1_000; i++) announcer.add({ infoHash: hashOf(i), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  await clock.advance(5_000)
  for (const infoHash of tracker.announced()) {
    const incomplete = infoHash === hashOf(7) ? 1 : 0
    tracker.say({ action: 'announce', info_hash: binary(infoHash), interval: 120, complete: 1, incomplete })
  }
  await clock.advance(11_000)
  assert.deepEqual(tracker.announced(), [hashOf(7)])
  await clock.advance(119_000)
  assert.deepEqual(new Set(tracker.announced()).size, 1_000)
  announcer.close()
})

test('a tracker that was away hears of everything when it is back', async () => {
  const tracker = new SteeredTracker()
  const { clock, announcer, events } = setUp({ [URL_A]: tracker })
  for (let i = 0; i < 3; i++) announcer.add({ infoHash: hashOf(i), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.drop()
  await clock.advance(2_000)
  tracker.drop()
  await clock.advance(10_000)
  tracker.accept()
  await clock.advance(1_000)
  assert.equal(tracker.announced().length, 3)
  tracker.drop()
  await clock.advance(10_000)
  tracker.accept()
  await clock.advance(1_000)
  assert.deepEqual(new Set(tracker.heard.map(({ event }) => event)), new Set(['started']))
  assert.equal(tracker.announced().length, 3)
  assert.deepEqual(events, [`${URL_A} down`, `${URL_A} up`, `${URL_A} down`, `${URL_A} up`])
  announcer.close()
})

test('every tracker hears of every swarm, and one taken from the list no more', async () => {
  const [a, b] = [new SteeredTracker(), new SteeredTracker()]
  const { clock, announcer } = setUp({ [URL_A]: a, [URL_B]: b })
  announcer.add({ infoHash: hashOf(1), missing: 0, uploaded: 0 })
  await clock.advance(0)
  a.accept()
  b.accept()
  await clock.advance(1_000)
  assert.deepEqual([a.announced(), b.announced()], [[hashOf(1)], [hashOf(1)]])
  announcer.setTrackers([URL_B])
  announcer.add({ infoHash: hashOf(2), missing: 0, uploaded: 0 })
  await clock.advance(1_000)
  assert.deepEqual([a.announced(), b.announced()], [[], [hashOf(2)]])
  assert.deepEqual([...announcer.trackers], [[URL_B, true]])
  announcer.close()
})

test('a visitor’s offer is passed on, and our answer goes back to it', async () => {
  const tracker = new SteeredTracker()
  const offers: IncomingOffer[] = []
  const { clock, announcer } = setUp({ [URL_A]: tracker }, { onOffer: (offer) => offers.push(offer) })
  announcer.add({ infoHash: hashOf(1), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  await clock.advance(1_000)
  tracker.announced()
  tracker.say({
    action: 'announce',
    info_hash: binary(hashOf(1)),
    peer_id: binary(VISITOR),
    offer_id: binary('cc'.repeat(20)),
    offer: { type: 'offer', sdp: 'their description' },
  })
  const [offer] = offers
  assert.deepEqual([offer?.infoHash, offer?.from, offer?.sdp], [hashOf(1), VISITOR, 'their description'])
  assert.equal(offer?.reply('our description'), true)
  assert.equal(tracker.heard[0]?.answer?.sdp, 'our description')
  tracker.drop()
  assert.equal(offer?.reply('too late'), false)
  announcer.close()
})

test('an announce is answered once: offers made on it lead to no more offers', async () => {
  const tracker = new SteeredTracker()
  const answers: TrackerAnswer[] = []
  const { clock, announcer } = setUp({ [URL_A]: tracker }, { onAnnounced: (answer) => answers.push(answer) })
  announcer.add({ infoHash: hashOf(1), missing: 1, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  await clock.advance(1_000)
  tracker.announced()
  const reply = { action: 'announce', info_hash: binary(hashOf(1)), interval: 120, complete: 4, incomplete: 3 }
  tracker.say(reply)
  assert.equal(answers[0]?.worthMeeting, 2) // one of the three is ourselves
  answers[0]?.offer([{ offerId: 'dd'.repeat(20) as OfferId, sdp: 'ours' }])
  assert.equal(tracker.heard[0]?.offers?.length, 1)
  tracker.say(reply)
  assert.equal(answers.length, 1)
  announcer.close()
})

test('who seeks something is worth meeting to everybody, and asks at once when it begins to', async () => {
  const tracker = new SteeredTracker()
  const answers: TrackerAnswer[] = []
  const { clock, announcer } = setUp({ [URL_A]: tracker }, { onAnnounced: (answer) => answers.push(answer) })
  const swarm = { infoHash: hashOf(1), missing: 5, uploaded: 0 }
  announcer.add(swarm)
  await clock.advance(0)
  tracker.accept()
  await clock.advance(1_000)
  const reply = { action: 'announce', info_hash: binary(hashOf(1)), interval: 120, complete: 4, incomplete: 1 }
  tracker.say(reply)
  assert.deepEqual([answers[0]?.others, answers[0]?.worthMeeting], [4, 0])
  tracker.announced()
  announcer.add({ ...swarm, seeks: true })
  announcer.hurry(swarm.infoHash)
  await clock.advance(200)
  assert.deepEqual(tracker.announced(), [hashOf(1)])
  tracker.say(reply)
  assert.equal(answers[1]?.worthMeeting, 4)
  announcer.close()
})

test('a tracker that refuses is reported once a reason', async () => {
  const tracker = new SteeredTracker()
  const { clock, announcer, events } = setUp({ [URL_A]: tracker })
  announcer.add({ infoHash: hashOf(1), missing: 0, uploaded: 0 })
  await clock.advance(0)
  tracker.accept()
  await clock.advance(1_000)
  for (let i = 0; i < 3; i++) tracker.say({ 'failure reason': 'not allowed', info_hash: binary(hashOf(1)) })
  assert.deepEqual(events, [`${URL_A} up`, `${URL_A} not allowed`])
  announcer.close()
})
