import type { Group, Scenario } from './scenario.ts'

/** A visitor at home, whose uplink is narrower than the downlink. */
const HOME = { role: 'reader', down: 50, up: 20, latencyMs: [5, 25] } as const
/** A stranger who answers quickly and has a wide uplink, so that everybody asks it first. */
const STRANGER = { down: 100, up: 100, latencyMs: [5, 5] } as const

/** A browser beside others on one machine, as test/browsers/ has them. */
const NEAR = { role: 'reader', down: 1_000, up: 200, latencyMs: [0, 1] } as const

/** Readers who come one after the other when all others are connected, and can give these nothing. */
const LATE = { fromMs: 2_000, everyMs: 2_000, up: 0.2 } as const

const home = (count: number, more: Partial<Group> = {}): Group => ({ ...HOME, count, ...more })
const FILM = { rate: 4, targetMs: 10_000 }

export const DOWNLOADS: readonly Scenario[] = [
  {
    name: 'flash crowd of 10',
    size: 8,
    chunk: 64,
    origin: { egress: 40 },
    groups: [home(10)],
    bounds: { origin: 2.4, worstOfPlain: 0.3 },
  },
  {
    name: 'flash crowd of 30',
    size: 8,
    chunk: 128,
    origin: { egress: 60 },
    groups: [home(30)],
    bounds: { origin: 5.2, worstOfPlain: 0.2 },
  },
  {
    name: 'downloads one after the other',
    size: 8,
    chunk: 64,
    origin: { egress: 40 },
    groups: [home(12, { everyMs: 700 })],
    bounds: { origin: 5.7, worstOfPlain: 1 },
  },
  {
    name: 'eight on one machine',
    size: 16,
    chunk: 64,
    origin: { egress: 8, latencyMs: 0 },
    groups: [{ ...NEAR, count: 8 }],
    bounds: { origin: 1.2, worstOfPlain: 1.4 / 8 },
  },
  {
    name: 'four on one machine',
    size: 32,
    chunk: 64,
    origin: { egress: 32, latencyMs: 0 },
    groups: [{ ...NEAR, count: 4 }],
    bounds: { origin: 1.2, worstOfPlain: 1.4 / 4 },
  },
  {
    name: 'single visitor',
    size: 16,
    chunk: 64,
    origin: { egress: 40 },
    groups: [home(1)],
    bounds: { origin: 1.01, worstOfPlain: 1.02 },
  },
]

export const FILMS: readonly Scenario[] = [
  {
    name: 'flash crowd, film',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 100 },
    groups: [home(10)],
    bounds: { origin: 2.6, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'film, one after the other',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 100 },
    groups: [home(10, { everyMs: 1_500 })],
    bounds: { origin: 2, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'long tail: two viewers',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 100 },
    groups: [home(2, { everyMs: 6_000 })],
    bounds: { origin: 1.3, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'seeks',
    size: 32,
    chunk: 64,
    media: { ...FILM, seeksAtMs: [4_000, 8_000] },
    origin: { egress: 100 },
    groups: [home(10, { everyMs: 800 })],
    bounds: { origin: 2.5, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'single viewer',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 40 },
    groups: [home(1)],
    bounds: { origin: 1.01, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'lines hardly wider than the film',
    size: 16,
    chunk: 128,
    media: FILM,
    origin: { egress: 80 },
    groups: [home(16, { down: 5, up: 2.5, everyMs: 2_000, leavesAfterMs: 0 })],
    bounds: { origin: 15, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'a film of 24 Mbit/s',
    size: 64,
    chunk: 128,
    media: { rate: 24, targetMs: 10_000 },
    origin: { egress: 400 },
    groups: [home(12, { everyMs: 2_000 })],
    bounds: { origin: 7.5, worstOfPlain: 1.02, stalledMs: 500 },
  },
  {
    name: 'more than the origin can feed',
    size: 32,
    chunk: 64,
    media: { rate: 16, targetMs: 10_000, seeksAtMs: [7_000], seeksTo: 0.8 },
    origin: { egress: 32, latencyMs: 0 },
    groups: [{ ...NEAR, count: 4 }],
    bounds: { origin: 1.4, worstOfPlain: 0.9, stalledMs: 7_000 },
  },
]

/** Visitors, lines and origins that do not do what they should. */
export const TROUBLE: readonly Scenario[] = [
  {
    name: 'a third rides free',
    size: 8,
    chunk: 64,
    origin: { egress: 40 },
    groups: [home(14), home(6, { sharing: false })],
    bounds: { origin: 4, worstOfPlain: 0.25 },
  },
  {
    name: 'a tenth lies',
    size: 8,
    chunk: 64,
    origin: { egress: 40 },
    groups: [{ ...STRANGER, role: 'liar', count: 2 }, home(18)],
    bounds: { origin: 3, worstOfPlain: 0.2 },
  },
  {
    name: 'dead peers, downloads',
    size: 8,
    chunk: 64,
    origin: { egress: 100 },
    groups: [{ ...STRANGER, role: 'dead', count: 8 }, home(4, LATE)],
    bounds: { origin: 4.1, worstOfPlain: 1.05 },
  },
  {
    name: 'liars, downloads',
    size: 16,
    chunk: 64,
    origin: { egress: 100 },
    groups: [{ ...STRANGER, role: 'liar', count: 4 }, home(4, LATE)],
    bounds: { origin: 4.1, worstOfPlain: 1.05 },
  },
  {
    name: 'tabs that vanish, downloads',
    size: 16,
    chunk: 64,
    origin: { egress: 100 },
    groups: [
      { ...STRANGER, role: 'holder', count: 2, vanishesAtMs: 2_400 },
      { ...STRANGER, role: 'holder', count: 2, vanishesAtMs: 4_700 },
      { ...STRANGER, role: 'holder', count: 2, vanishesAtMs: 7_000 },
      home(3, LATE),
    ],
    // Who is done in the moment in which tabs vanish waits until their silence is longer than any before.
    bounds: { origin: 3.1, worstOfPlain: 1.3 },
  },
  {
    name: 'dead peers, film',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 100 },
    groups: [{ ...STRANGER, role: 'dead', count: 8 }, home(4, LATE)],
    bounds: { origin: 4.5, worstOfPlain: 1.02, stalledMs: 0 },
  },
  {
    name: 'slow origin',
    size: 8,
    chunk: 64,
    origin: { egress: 4 },
    groups: [home(10)],
    bounds: { origin: 1.5, worstOfPlain: 0.16 },
  },
  {
    name: 'mesh slower than the origin',
    size: 8,
    chunk: 64,
    origin: { egress: 400 },
    groups: [home(10, { up: 0.5, everyMs: 500 })],
    bounds: { origin: 10.2, worstOfPlain: 1.05 },
  },
  {
    name: 'loss, and closed networks',
    size: 8,
    chunk: 64,
    origin: { egress: 40 },
    groups: [home(15, { loss: 0.01, closed: 0.4 })],
    bounds: { origin: 4.7, worstOfPlain: 0.36 },
  },
  {
    name: 'visitors leave and return',
    size: 8,
    chunk: 64,
    origin: { egress: 20 },
    groups: [home(6), home(6, { away: { afterMs: 3_000, forMs: 3_000 }, leavesAfterMs: 1_000 })],
    bounds: { origin: 2.3, worstOfPlain: 0.23 },
  },
]

/** Small crowds, run by the tests. */
export const SMALL: readonly Scenario[] = [...DOWNLOADS, ...FILMS, ...TROUBLE]

/** Crowds that take a while: npm run bench sim. */
export const LARGE: readonly Scenario[] = [
  { name: '100 downloads', size: 8, chunk: 64, origin: { egress: 100 }, groups: [home(100, { down: 40 })] },
  {
    name: '100 films',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 500 },
    groups: [home(100, { down: 40 })],
    quantum: 64,
  },
  {
    name: '100 films, one after the other',
    size: 32,
    chunk: 64,
    media: FILM,
    origin: { egress: 500 },
    groups: [home(100, { down: 40, everyMs: 500 })],
    quantum: 64,
  },
  {
    name: '1,000 downloads',
    size: 8,
    chunk: 128,
    origin: { egress: 400 },
    groups: [home(1_000, { down: 40 })],
    quantum: 64,
  },
  ...[100, 1_000].map((count) => ({
    name: `${count.toLocaleString('en')} films, uplinks half of the downlinks`,
    size: 16,
    chunk: 128,
    media: FILM,
    origin: { egress: 5 * count },
    groups: [home(count, { down: 8, up: 4, everyMs: 60_000 / count })],
    quantum: 64,
  })),
  {
    name: '100 films, lines hardly wider than they are',
    size: 16,
    chunk: 128,
    media: FILM,
    origin: { egress: 500 },
    groups: [home(100, { down: 5, up: 2.5, everyMs: 600, leavesAfterMs: 0 })],
    quantum: 64,
  },
]
