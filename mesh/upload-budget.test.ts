import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB, MiB } from '../protocol/units.ts'
import { connect, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'
import { EASE_MS, UploadBudget, type UploadShare } from './upload-budget.ts'

const BLOCK = 16 * KiB
const UNLIMITED = Number.POSITIVE_INFINITY
const COUNT = 300

function assertAbout(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= expected * 0.15, `${what}: ${actual}, not about ${expected}`)
}

/** A seeder of a swarm of its own, and how many bytes went to each of its peers, who want all there is. */
function serve(clock: VirtualClock, budget: UploadBudget, peers: number) {
  const seeder = new VirtualPeer(clock, 1, { chunkCount: COUNT, uploadShare: budget.share() }).hold()
  const sent = Array.from({ length: peers }, () => 0)
  for (const i of sent.keys()) {
    const leecher = new VirtualPeer(clock, 2 + i, { chunkCount: COUNT })
    const [link] = connect(clock, seeder, leecher)
    link.tap = (bytes) => {
      sent[i] = (sent[i] ?? 0) + bytes.length
      return bytes
    }
    void leecher.fetchAll()
  }
  return { sent, swarm: seeder.driver.swarm }
}

test('swarms share the cap evenly, however many peers each serves, and so do the peers', async () => {
  const clock = new VirtualClock()
  const limit = MiB
  const budget = new UploadBudget({ limit, nowMs: clock.now() })
  const few = serve(clock, budget, 1)
  await clock.advance(90) // so that their ticks do not coincide
  const many = serve(clock, budget, 4)
  await clock.advance(2_000) // who was there first had all of it for a moment
  const before = [...few.sent, ...many.sent]
  await clock.advance(10_000)
  const [one = 0, ...others] = [...few.sent, ...many.sent].map((bytes, i) => bytes - (before[i] ?? 0))
  assertAbout(one, 5 * limit, 'the one peer of the first')
  for (const bytes of others) assertAbout(bytes, (5 * limit) / 4, 'each peer of the other')
})

test('what one swarm does not want, the others have', async () => {
  const clock = new VirtualClock()
  const budget = new UploadBudget({ limit: 300 * KiB, nowMs: clock.now() })
  serve(clock, budget, 0)
  const busy = serve(clock, budget, 2)
  await clock.advance(20_000)
  assertAbout(busy.swarm.uploaded, 20 * 300 * KiB, 'all of it')
})

/** Takes as much as is to be had, each share at its own intervals. @returns bytes by share */
function takeAll(
  shares: readonly UploadShare[],
  spanMs: readonly [number, number],
  everyMs: readonly number[],
): number[] {
  const taken = shares.map(() => 0)
  for (let nowMs = spanMs[0]; nowMs < spanMs[1]; nowMs++)
    for (const [i, share] of shares.entries())
      if (nowMs % (everyMs[i] ?? 1) === 0) while (share.take(shares, BLOCK, nowMs)) taken[i] = (taken[i] ?? 0) + BLOCK
  return taken
}

test('who asks rarely gets as much as who asks all the time', () => {
  const budget = new UploadBudget({ limit: 256 * KiB, nowMs: 0 })
  const [often = 0, rarely = 0] = takeAll([budget.share(), budget.share()], [0, 60_000], [1, 250])
  assertAbout(often, 30 * 256 * KiB, 'often')
  assertAbout(rarely, 30 * 256 * KiB, 'rarely')
})

test('who comes back after a rest has saved nothing up', () => {
  const budget = new UploadBudget({ limit: 256 * KiB, nowMs: 0 })
  const [steady, rested] = [budget.share(), budget.share()]
  takeAll([steady], [0, 60_000], [1])
  const [first = 0, second = 0] = takeAll([steady, rested], [60_000, 80_000], [1, 1])
  assertAbout(first, 10 * 256 * KiB, 'who never stopped')
  assertAbout(second, 10 * 256 * KiB, 'who came back')
})

test('all that is taken is told', () => {
  let told = 0
  const onUpload = (bytes: number) => {
    told += bytes
  }
  const budget = new UploadBudget({ limit: 256 * KiB, nowMs: 0, onUpload })
  const [taken = 0] = takeAll([budget.share()], [0, 5_000], [10])
  assert.ok(taken > 0)
  assert.equal(told, taken)
})

/** Takes a block every so often, when it may. @returns bytes per second */
function rateOf(share: UploadShare, spanMs: readonly [number, number], everyMs: number): number {
  let taken = 0
  for (let nowMs = spanMs[0]; nowMs < spanMs[1]; nowMs += everyMs) if (share.take(share, BLOCK, nowMs)) taken += BLOCK
  return taken / ((spanMs[1] - spanMs[0]) / 1000)
}

test('held back, it gives half of what it gave, and all again after some seconds', () => {
  const budget = new UploadBudget({ limit: UNLIMITED, nowMs: 0 })
  const share = budget.share()
  const full = rateOf(share, [0, 10_000], 8)
  assertAbout(full, 2 * MiB, 'without a cap')
  budget.ease(10_000)
  assertAbout(rateOf(share, [10_000, 10_000 + EASE_MS], 8), full / 2, 'held back')
  assertAbout(rateOf(share, [10_000 + EASE_MS, 30_000], 8), full, 'afterwards')
})

test('held back again and again, it gives half, for longer', () => {
  const budget = new UploadBudget({ limit: 400 * KiB, nowMs: 0 })
  const share = budget.share()
  rateOf(share, [0, 10_000], 8)
  for (let nowMs = 10_000; nowMs <= 60_000; nowMs += 500) {
    budget.ease(nowMs)
    rateOf(share, [nowMs, nowMs + 500], 8)
  }
  assertAbout(rateOf(share, [60_500, 60_000 + EASE_MS], 8), 200 * KiB, 'held back')
  assertAbout(rateOf(share, [60_000 + EASE_MS, 100_000], 8), 400 * KiB, 'afterwards')
})

test('who gets something in return is not held back', () => {
  const budget = new UploadBudget({ limit: UNLIMITED, nowMs: 0 })
  const share = budget.share()
  const full = rateOf(share, [0, 10_000], 8)
  for (let nowMs = 0; nowMs < 10_000; nowMs += 100) share.gained(full / 10 / 10, nowMs)
  budget.ease(10_000)
  assertAbout(rateOf(share, [10_000, 20_000], 8), full, 'in a crowd that is short of bytes')
})

test('who gives little is not held back', () => {
  const budget = new UploadBudget({ limit: UNLIMITED, nowMs: 0 })
  const share = budget.share()
  budget.ease(0)
  const little = rateOf(share, [0, 20_000], 400)
  budget.ease(20_000)
  assertAbout(rateOf(share, [20_000, 25_000], 8), 2 * MiB, `after ${little} bytes a second`)
})

test('another cap holds from then on', () => {
  const budget = new UploadBudget({ limit: UNLIMITED, nowMs: 0 })
  const share = budget.share()
  rateOf(share, [0, 5_000], 8)
  budget.limit = 100 * KiB
  assertAbout(rateOf(share, [5_000, 25_000], 8), 100 * KiB, 'capped')
})
