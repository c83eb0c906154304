import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SwarmStatus } from '../protocol/delivery.ts'
import { type ChunkIndex, KiB, MiB } from '../protocol/units.ts'
import {
  filmRate,
  isCrowd,
  isShort,
  isTheirs,
  type MeshView,
  type Need,
  originSpan,
  peerFlight,
  peersFrom,
  runsDry,
  segmentBytes,
  supplierFor,
} from './policy.ts'

const CHUNK = 9 as ChunkIndex
const BIT_9 = Uint8Array.of(0, 0x40)
const NOTHING = new Uint8Array(2)

function swarm(rest: Partial<SwarmStatus> = {}): SwarmStatus {
  return { phase: 'up', peers: 1, available: NOTHING, loading: NOTHING, expected: 0, uploaded: 0, ...rest }
}

function view(status: SwarmStatus | undefined, rest: Partial<MeshView> = {}): MeshView {
  const unknown = { speed: undefined, perMs: undefined, asked: 0, filmPerMs: 500, isDry: false }
  return { status, sinceJoinMs: 10_000, refused: () => false, late: false, ...unknown, ...rest }
}

const download: Need = {
  chunk: CHUNK,
  media: false,
  distance: 8 * MiB,
  segment: Number.POSITIVE_INFINITY,
  slackMs: undefined,
  waitedMs: 0,
  busy: false,
  dice: 0,
}
const segment: Need = { ...download, distance: 0, segment: 256 * KiB, slackMs: 10_000 }
const playing: Need = { ...download, media: true, slackMs: 10_000 }
const ALONE = view(undefined)
const TRIED = view(swarm({ available: BIT_9 }))
const HELD = { ...TRIED, speed: 1 }
/** Slower than the origin, and two seconds behind. */
const SLOW = { ...TRIED, speed: 0.7, perMs: 600, asked: 1_200_000 }
const LOADING = view(swarm({ loading: BIT_9 }))
const CROWD = view(swarm())

const cases: readonly (readonly [string, Need, MeshView, 'origin' | 'peers' | 'wait'])[] = [
  ['alone, the origin', download, ALONE, 'origin'],
  ['the first bytes, whoever has them', { ...download, distance: 64 * KiB }, HELD, 'origin'],
  ['what peers hold', download, HELD, 'peers'],
  ['what peers hold who have not shown how fast they are', download, TRIED, 'origin'],
  ['the same while the origin brings something else', { ...download, busy: true }, TRIED, 'peers'],
  ['what peers hold, but were just asked for in vain', download, { ...HELD, refused: () => true }, 'origin'],
  ['what peers hold who were late', download, { ...HELD, late: true }, 'origin'],
  ['what peers hold who are half as fast', download, { ...HELD, speed: 0.5 }, 'peers'],
  ['what peers hold who are slow', download, { ...HELD, speed: 0.1 }, 'origin'],
  ['what another is fetching', download, LOADING, 'wait'],
  ['what another has been fetching for too long', { ...download, waitedMs: 2_000 }, LOADING, 'origin'],
  ['the same while the origin brings something else', { ...download, waitedMs: 2_000, busy: true }, LOADING, 'wait'],
  ['what nobody has, in a crowd', download, CROWD, 'wait'],
  ['what nobody has, after a while', { ...download, waitedMs: 800 }, CROWD, 'origin'],
  ['what nobody has, after a while, with patience', { ...download, waitedMs: 800, dice: 0.9 }, CROWD, 'wait'],
  ['a crowd on its way', download, view(swarm({ peers: 0, expected: 2 }), { sinceJoinMs: 500 }), 'wait'],
  ['a crowd that does not come', download, view(swarm({ peers: 0, expected: 2 })), 'origin'],
  ['no mesh', download, view(swarm({ phase: 'down', available: BIT_9 })), 'origin'],
  ['a segment that peers hold', segment, HELD, 'peers'],
  ['a segment that peers hold who have not shown how fast they are', segment, TRIED, 'peers'],
  ['a segment that nobody holds', segment, CROWD, 'origin'],
  ['a segment that peers hold who were late', segment, { ...HELD, late: true }, 'origin'],
  ['a segment that peers hold who are slow', segment, { ...HELD, speed: 0.1, perMs: 100 }, 'origin'],
  ['a segment that peers bring in no time', segment, { ...HELD, speed: 0.1, perMs: 1_000 }, 'peers'],
  ['playing, what peers hold', playing, HELD, 'peers'],
  ['playing, short of bytes', { ...playing, slackMs: 100 }, TRIED, 'origin'],
  ['playing, with enough for what peers are likely to need', { ...playing, slackMs: 3_100 }, SLOW, 'peers'],
  ['playing, with less', { ...playing, slackMs: 2_900 }, SLOW, 'origin'],
  ['playing, what peers hold who bring less than a film takes', playing, { ...SLOW, perMs: 400 }, 'origin'],
  ['the same where the origin brings even less', playing, { ...SLOW, perMs: 400, speed: 1.1 }, 'peers'],
  ['playing, short of what quick peers hold', { ...playing, slackMs: 100 }, { ...HELD, perMs: 4_000 }, 'peers'],
  ['playing, what another is fetching', playing, LOADING, 'wait'],
  ['playing, short of what another is fetching', { ...playing, slackMs: 700 }, LOADING, 'origin'],
  ['playing, what nobody has', playing, CROWD, 'wait'],
  ['playing, soon short of what nobody has', { ...playing, slackMs: 1_500 }, CROWD, 'origin'],
  ['run dry, what another is fetching', { ...playing, slackMs: 0 }, { ...LOADING, isDry: true }, 'wait'],
  [
    'run dry, what slow peers are fetching',
    { ...playing, slackMs: 0 },
    { ...LOADING, isDry: true, speed: 0.9 },
    'origin',
  ],
  ['run dry, for too long', { ...playing, slackMs: 0, waitedMs: 400 }, { ...LOADING, isDry: true }, 'origin'],
  [
    'after a jump, what quick peers hold',
    { ...playing, slackMs: 0, distance: 0 },
    { ...HELD, isDry: true, speed: 0.1, perMs: 2_000 },
    'peers',
  ],
  ['after a jump, what anybody holds', { ...playing, slackMs: 0, distance: 0 }, { ...HELD, speed: 2 }, 'origin'],
  ['playing, nothing known yet', { ...playing, slackMs: undefined }, CROWD, 'origin'],
]
for (const [name, need, mesh, kind] of cases)
  test(`who brings it: ${name}`, () => assert.equal(supplierFor(need, mesh).kind, kind))

test('a segment is a small part, asked for by script for a player that has enough to play meanwhile', () => {
  const demand = { media: false, begin: 100, position: 100, end: 300, readMs: 0, playback: () => ({ slackMs: 2_000 }) }
  const others = [
    { ...demand, media: true },
    { ...demand, end: 17 * MiB },
    { ...demand, playback: () => ({ slackMs: 1_999 }) },
    { ...demand, playback: () => ({}) },
  ]
  assert.equal(segmentBytes(demand), 200)
  for (const other of others) assert.equal(segmentBytes(other), Number.POSITIVE_INFINITY)
})

test('what a peer fetches counts as theirs, what they refused does not', () => {
  assert.ok(isTheirs(CHUNK, LOADING) && isTheirs(CHUNK, HELD))
  assert.ok(!isTheirs(CHUNK, { ...HELD, refused: () => true }))
  assert.ok(!isTheirs(8 as ChunkIndex, LOADING) && !isTheirs(CHUNK, ALONE))
})

test('there is a crowd as soon as somebody is known of, and for good when somebody is connected', () => {
  const known = swarm({ peers: 0, expected: 1 })
  assert.ok(isCrowd(CROWD, false) && isCrowd(view(known, { sinceJoinMs: 100 }), false))
  assert.ok(!isCrowd(view(known), false) && !isCrowd(ALONE, false))
  assert.ok(isCrowd(CROWD, true) && !isCrowd(view(known, { sinceJoinMs: 100 }), true), 'a media element waits for them')
})

test('alone, a download asks for half a second of a fast origin; in a crowd for less, so that little comes twice', () => {
  assert.equal(originSpan(false, ALONE, 100_000, 0), 16 * MiB)
  assert.equal(originSpan(false, view(swarm({ peers: 0 })), 1_000, 0), 4 * MiB)
  assert.equal(originSpan(false, CROWD, 100, 0), 128 * KiB)
  assert.equal(originSpan(false, CROWD, 1_000, 0), 500_000)
  assert.equal(originSpan(false, CROWD, 1e9, 0), 4 * MiB)
  const joining = view(swarm({ peers: 0 }), { sinceJoinMs: 100 })
  assert.equal(originSpan(true, joining, 1e9, 0), 1 * MiB)
  assert.equal(originSpan(true, joining, 1e9, 1 * MiB), 512 * KiB, 'peers may be here at any moment')
})

test('about a second is asked of peers, and never without bounds', () => {
  assert.equal(peerFlight(undefined), 256 * KiB)
  assert.equal(peerFlight(0), 256 * KiB)
  assert.equal(peerFlight(1_000), 1_000_000)
  assert.equal(peerFlight(500, 8_000), 2_000_000, 'more where there is time')
  assert.equal(peerFlight(1e9), 8 * MiB)
  assert.equal(peerFlight(undefined, Number.POSITIVE_INFINITY), 128 * KiB, 'a paused element')
})

test('a film takes its size over its length, or what films do while that is not known', () => {
  assert.equal(filmRate(60 * MiB, 60_000), MiB / 1_000)
  for (const lengthMs of [undefined, Number.NaN, Number.POSITIVE_INFINITY])
    assert.equal(filmRate(60 * MiB, lengthMs), 500)
  const SLOWER = { ...HELD, speed: 0.5, perMs: 600 }
  assert.ok(!isShort(2_000, SLOWER), 'peers outrun a film of 4 Mbit/s')
  assert.ok(isShort(2_000, { ...SLOWER, filmPerMs: filmRate(60 * MiB, 60_000) }), 'but not one of 8')
})

test('peers with thin lines are asked ahead of what the origin brings, or not at all when time is short', () => {
  const thin = { ...SLOW, perMs: 400 }
  assert.equal(peersFrom(10_000, SLOW), 0)
  assert.equal(peersFrom(10_000, thin), 1 * MiB)
  assert.equal(peersFrom(2_900, thin), 8 * MiB, 'beyond all that is asked for')
  assert.equal(peersFrom(900, CROWD), 512 * KiB, 'how fast they are must be found out')
  assert.equal(peersFrom(900, { ...CROWD, perMs: 1_000 }), 0, 'they outrun any film')
})

test('a media element that is short keeps the origin at work, unless peers are known to feed it', () => {
  assert.ok(isShort(2_000, CROWD) && isShort(2_000, { ...SLOW, perMs: 400 }))
  assert.ok(!isShort(3_000, CROWD) && !isShort(2_000, SLOW))
  assert.ok(!isShort(0, { ...CROWD, isDry: true }), 'the origin alone cannot feed it')
})

test('an element runs dry where the origin is slow, not before its first picture or on a slow machine', () => {
  const dry = { ...playing, slackMs: 0, distance: 2 * MiB }
  assert.ok(runsDry(dry, 1_000))
  assert.ok(!runsDry({ ...dry, distance: 1 * MiB }, 1_000))
  assert.ok(!runsDry(dry, 10_000), 'bytes come fast')
  assert.ok(!runsDry({ ...dry, slackMs: undefined }, 1_000) && !runsDry({ ...dry, slackMs: 100 }, 1_000))
  assert.ok(!runsDry({ ...dry, media: false }, 1_000))
})
