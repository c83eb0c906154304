import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import {
  CHUNK_SIZE,
  connect,
  contentOf,
  mute,
  VirtualClock,
  type VirtualLink,
  VirtualPeer,
  virtualLinks,
} from '../test/harness/virtual-mesh.ts'
import { UploadBudget } from './upload-budget.ts'

const COUNT = 24
/** The wire's number (BEP 3). */
const REQUEST = 6

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = (options = {}) => new VirtualPeer(clock, ++last, { chunkCount: COUNT, ...options })
  return { clock, peer }
}

function assertWhole(chunks: readonly (Uint8Array | undefined)[]): void {
  for (const [chunk, bytes] of chunks.entries())
    assert.deepEqual(bytes, contentOf(chunk, chunk === COUNT - 1 ? 1000 : CHUNK_SIZE), `chunk ${chunk}`)
}

/** Turns a link into one whose pieces carry a wrong byte. */
function poison(link: VirtualLink): void {
  link.tap = (bytes) => {
    if (bytes[4] !== 7) return bytes
    const wrong = bytes.slice()
    wrong[13] = (wrong[13] ?? 0) ^ 1
    return wrong
  }
}

test('a peer that has nothing gets everything from one that has all', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  const leecher = peer()
  connect(clock, seeder, leecher)
  assertWhole(await clock.until(leecher.fetchAll()))
  assert.equal(seeder.driver.swarm.uploaded, (COUNT - 1) * CHUNK_SIZE + 1000)
})

test('what connected peers would send is known without asking', async () => {
  const { clock, peer } = world()
  const a = peer().hold(0, 8)
  const b = peer()
  connect(clock, a, b)
  await clock.advance(100)
  assert.deepEqual([...b.driver.swarm.available], [0xff, 0, 0])
  a.hold(8, 10)
  await clock.advance(100)
  assert.deepEqual([...b.driver.swarm.available], [0xff, 0xc0, 0])
})

test('a newcomer is told with the first words what it may ask for at once', async () => {
  const { clock, peer } = world()
  const wire = { latencyMs: 100, bytesPerMs: 100_000 }
  const [holder, newcomer] = [peer().hold(), peer()]
  connect(clock, holder, newcomer, wire)
  const chunk = newcomer.fetch(0)
  await clock.advance(110)
  assert.deepEqual([...newcomer.driver.swarm.available], [0xff, 0xff, 0xff])
  await clock.until(chunk, 210)
})

test('a slot that was given in advance goes to who is interested', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  for (let i = 0; i < 9; i++) connect(clock, seeder, peer().hold())
  const leecher = peer()
  connect(clock, seeder, leecher)
  assertWhole(await clock.until(leecher.fetchAll(), 2_000))
})

test('when a peer leaves, what only it had is no longer available', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(0, 8), leecher)
  connect(clock, peer().hold(0, 4), leecher)
  await clock.advance(100)
  link.close()
  await clock.advance(100)
  assert.deepEqual([...leecher.driver.swarm.available], [0xf0, 0, 0])
})

test('two holders share the work', async () => {
  const { clock, peer } = world()
  const seeders = [peer().hold(), peer().hold()]
  const leecher = peer()
  for (const seeder of seeders) connect(clock, seeder, leecher, { bytesPerMs: 1000 })
  await clock.advance(100)
  assertWhole(await clock.until(leecher.fetchAll()))
  for (const { driver } of seeders) assert.ok(driver.swarm.uploaded > 6 * CHUNK_SIZE, `gave ${driver.swarm.uploaded}`)
})

test('who sends a wrong chunk is banned, and another delivers it', async () => {
  const { clock, peer } = world()
  const liar = peer().hold()
  const honest = peer().hold()
  const leecher = peer()
  const [lies] = connect(clock, liar, leecher)
  poison(lies)
  await clock.advance(100)
  const first = leecher.fetch(0)
  await clock.advance(20)
  const [truth] = connect(clock, honest, leecher)
  assert.deepEqual(await clock.until(first), contentOf(0))
  assertWhole(await clock.until(leecher.fetchAll()))
  assert.equal(lies.isOpen, false)
  assert.equal(truth.isOpen, true)
  assert.equal(leecher.driver.swarm.welcomes(liar.id), false)
  const [again] = connect(clock, liar, leecher)
  await clock.advance(100)
  assert.equal(again.isOpen, false)
})

test('a banned peer that comes back under a name it did not announce is let go once it greets', async () => {
  const { clock, peer } = world()
  const liar = peer().hold()
  const leecher = peer()
  const [lies] = connect(clock, liar, leecher)
  poison(lies)
  void leecher.fetch(0)
  await clock.advance(500)
  const [back, there] = virtualLinks(clock)
  liar.driver.addLink(back, { initiator: true })
  leecher.driver.addLink(there, { initiator: false })
  await clock.advance(100)
  assert.equal(back.isOpen, false)
})

test('a peer that delivers nothing at all is let go', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(), leecher)
  mute(link)
  await clock.advance(100)
  const wanted = leecher.fetch(3, 40_000)
  await clock.advance(20_000)
  assert.equal(link.isOpen, false)
  connect(clock, peer().hold(), leecher)
  assert.deepEqual(await clock.until(wanted), contentOf(3))
})

test('a chunk that nobody brings in time comes to nothing', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const wanted = leecher.fetch(0, 1_000)
  assert.equal(await clock.until(wanted, 1_500), undefined)
})

test('a cancelled chunk comes to nothing, and the peer goes on with the next', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  connect(clock, peer().hold(), leecher, { bytesPerMs: 100 })
  await clock.advance(100)
  const first = leecher.fetch(0)
  const second = leecher.fetch(1)
  await clock.advance(50)
  leecher.driver.cancel(0 as ChunkIndex)
  assert.equal(await clock.until(first), undefined)
  assert.deepEqual(await clock.until(second), contentOf(1))
})

test('chunks that are cancelled in a row are not asked for in between', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [, link] = connect(clock, peer().hold(), leecher, { bytesPerMs: 100 })
  await clock.advance(100)
  const all = leecher.fetchAll()
  await clock.advance(50)
  let requests = 0
  link.tap = (bytes) => {
    if (bytes[4] === REQUEST) requests++
    return bytes
  }
  for (let chunk = 0; chunk < COUNT - 1; chunk++) leecher.driver.cancel(chunk as ChunkIndex)
  const [last] = (await clock.until(all)).reverse()
  assert.equal(last?.length, 1_000)
  assert.equal(requests, 1)
})

test('the more urgent chunk comes first', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const order: number[] = []
  for (const [chunk, deadlineMs] of [
    [0, 30_000],
    [1, 20_000],
    [2, 10_000],
  ] as const)
    void leecher.fetch(chunk, deadlineMs).then(() => order.push(chunk))
  connect(clock, peer().hold(), leecher, { bytesPerMs: 100 })
  await clock.advance(8_000)
  assert.deepEqual(order, [2, 1, 0])
})

test('a chunk that the store has lost is refused, and asked for elsewhere', async () => {
  const { clock, peer } = world()
  const forgetful = peer().hold()
  const leecher = peer()
  connect(clock, forgetful, leecher)
  await clock.advance(100)
  forgetful.lose(5)
  connect(clock, peer().hold(), leecher)
  const askedMs = clock.now()
  assertWhole(await clock.until(leecher.fetchAll()))
  assert.ok(clock.now() - askedMs < 2_000)
})

test('no upload without sharing; what is held is announced when sharing begins', async () => {
  const { clock, peer } = world()
  const shy = peer({ sharing: false }).hold()
  const leecher = peer()
  connect(clock, shy, leecher)
  await clock.advance(1_000)
  assert.deepEqual([...leecher.driver.swarm.available], [0, 0, 0])
  assert.equal(await clock.until(leecher.fetch(0, 500)), undefined)
  shy.driver.setSharing(true)
  assert.deepEqual(await clock.until(leecher.fetch(0)), contentOf(0))
  shy.driver.setSharing(false)
  const before = shy.driver.swarm.uploaded
  assert.equal(await clock.until(leecher.fetch(1, 3_000)), undefined)
  assert.equal(shy.driver.swarm.uploaded, before)
})

test('the upload cap holds', async () => {
  const { clock, peer } = world()
  const budget = new UploadBudget({ limit: 100 * KiB, nowMs: clock.now() })
  const seeder = peer({ uploadShare: budget.share() }).hold()
  const leecher = peer()
  connect(clock, seeder, leecher)
  void leecher.fetchAll()
  await clock.advance(8_000)
  const { uploaded } = seeder.driver.swarm
  assert.ok(uploaded <= 9 * 100 * KiB + 16 * KiB, `${uploaded} bytes in 8 s`)
  assert.ok(uploaded >= 7 * 100 * KiB, `${uploaded} bytes in 8 s`)
})

test('a slow link is not buried: what it cannot send yet waits here', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const [link] = connect(clock, peer().hold(), leecher, { bytesPerMs: 200 })
  assertWhole(await clock.until(leecher.fetchAll()))
  assert.ok(link.mostBuffered <= 300 * KiB, `buffered ${link.mostBuffered}`)
})

test('upload slots: nine of twelve are served at a time, all in the end', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  const leechers = Array.from({ length: 12 }, () => peer())
  for (const leecher of leechers) connect(clock, seeder, leecher, { bytesPerMs: 100 })
  const downloads = Promise.all(
    leechers.map((leecher) => Promise.all([leecher.fetch(0, 600_000), leecher.fetch(1, 600_000)])),
  )
  await clock.advance(1_000)
  const served = leechers.filter(({ driver }) => driver.swarm.available.some((byte) => byte !== 0)).length
  assert.equal(served, 9)
  for (const chunks of await clock.until(downloads, 600_000)) assert.deepEqual(chunks, [contentOf(0), contentOf(1)])
})

test('who has everything leaves its upload slot to another at once', async () => {
  const { clock, peer } = world()
  const seeder = peer().hold()
  const first = peer()
  const others = Array.from({ length: 9 }, () => peer())
  for (const leecher of [first, ...others]) connect(clock, seeder, leecher)
  await clock.advance(1_000)
  const served = () => others.filter(({ driver }) => driver.swarm.available.some((byte) => byte !== 0))
  assert.equal(served().length, 8)
  first.hold()
  await clock.advance(1_000)
  assert.equal(served().length, 9)
})

test('at most twelve connections', async () => {
  const { clock, peer } = world()
  const busy = peer()
  const links = Array.from({ length: 15 }, () => connect(clock, peer(), busy)[0])
  await clock.advance(500)
  assert.equal(links.filter((link) => link.isOpen).length, 12)
  assert.equal(busy.driver.swarm.room, 0)
})

test('two connections between the same two peers become one, the same at both ends', async () => {
  const { clock, peer } = world()
  const a = peer().hold()
  const b = peer()
  const [one, other] = [virtualLinks(clock), virtualLinks(clock)]
  a.driver.addLink(one[0], { initiator: true })
  b.driver.addLink(one[1], { initiator: false })
  b.driver.addLink(other[0], { initiator: true })
  a.driver.addLink(other[1], { initiator: false })
  await clock.advance(200)
  assert.equal([one[0], other[0]].filter((link) => link.isOpen).length, 1)
  assert.equal(a.driver.swarm.peers, 1)
  assert.equal(b.driver.swarm.peers, 1)
  assertWhole(await clock.until(b.fetchAll()))
})

test('nobody connects to itself', async () => {
  const { clock, peer } = world()
  const a = peer().hold()
  const [one, two] = virtualLinks(clock)
  a.driver.addLink(one, { initiator: true })
  a.driver.addLink(two, { initiator: false })
  await clock.advance(200)
  assert.equal(one.isOpen, false)
  assert.equal(a.driver.swarm.welcomes(a.id), false)
})

test('a connection that never greets is closed', async () => {
  const { clock, peer } = world()
  const [mine, theirs] = virtualLinks(clock)
  peer().driver.addLink(mine, { initiator: true })
  await clock.advance(11_000)
  assert.equal(theirs.isOpen, false)
})

test('a change of status is told at once, and a series of changes some times a second', async () => {
  const { clock, peer } = world()
  const told: number[] = []
  const leecher = peer({ onStatus: () => told.push(clock.now()) })
  const seeder = peer().hold(0, 1)
  connect(clock, seeder, leecher)
  await clock.advance(1_000)
  told.length = 0
  const fromMs = clock.now()
  seeder.hold(1, 2) // its HAVE is 5 ms under way, and waits 10 ms for others
  await clock.advance(20)
  assert.equal(told.length, 1, `told ${told.map((at) => at - fromMs)} ms later`)
  for (let chunk = 2; chunk < 20; chunk++) {
    seeder.hold(chunk, chunk + 1)
    await clock.advance(20)
  }
  const waits = told.slice(1).map((at, i) => at - (told[i] ?? 0))
  assert.ok(waits.length >= 3 && waits.every((wait) => wait >= 50), waits.join(' '))
})

test('a closed driver answers what is waited for', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const wanted = leecher.fetch(0)
  leecher.driver.close()
  assert.equal(await clock.until(wanted), undefined)
  assert.equal(await clock.until(leecher.fetch(1)), undefined)
})
