import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import { MESSAGE_TYPE } from '../protocol/wire/messages.ts'
import { flip, tamper } from '../test/harness/tamper.ts'
import { connect, contentOf, LAST_LENGTH, treesOf, VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'

// Chunks whose blocks are proven one by one.

const COUNT = 4
const CHUNK = 1024 * KiB
const BLOCKS = CHUNK / (16 * KiB)
const trees = treesOf(COUNT, CHUNK)
/** Bytes a millisecond: a chunk takes a second. */
const SLOW = { bytesPerMs: 1000 }

function world() {
  const clock = new VirtualClock()
  let last = 0
  const peer = (options = {}) =>
    new VirtualPeer(clock, ++last, { chunkCount: COUNT, chunkSize: CHUNK, trees, ...options })
  return { clock, peer }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const good = (chunk: number) => contentOf(chunk, chunk === COUNT - 1 ? LAST_LENGTH : CHUNK)

/** As deepEqual, without a look at each of a million bytes. */
function assertSame(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual, 'nothing was delivered')
  assert.ok(Buffer.from(actual.buffer, actual.byteOffset, actual.length).equals(expected), 'wrong bytes')
}

test('several holders bring one chunk together', async () => {
  const { clock, peer } = world()
  const seeders = [peer().hold(), peer().hold(), peer().hold()]
  const leecher = peer()
  for (const seeder of seeders) connect(clock, seeder, leecher, SLOW)
  await clock.advance(100)
  const fromMs = clock.now()
  assertSame(await clock.until(leecher.fetch(0)), good(0))
  const tookMs = clock.now() - fromMs
  assert.ok(tookMs < 700, `${tookMs} ms, alone it takes 1050`)
  const given = seeders.map(({ driver }) => driver.swarm.uploaded)
  assert.ok(
    given.every((bytes) => bytes > CHUNK / 8),
    given.join(' '),
  )
  const all = given.reduce((sum, bytes) => sum + bytes, 0)
  assert.ok(all <= CHUNK * 1.15, `${all} bytes sent for a chunk of ${CHUNK}`)
})

test('what is good from the start on is told as it grows', async () => {
  const { clock, peer } = world()
  const seen: number[] = []
  const leecher = peer({
    onProgress: (chunk: ChunkIndex, bytes: Uint8Array) => {
      assert.ok(Buffer.from(bytes).equals(good(chunk).subarray(0, bytes.length)))
      seen.push(bytes.length)
    },
  })
  connect(clock, peer().hold(), leecher, SLOW)
  await clock.until(leecher.fetch(0))
  assert.ok(seen.length > BLOCKS / 2, `${seen.length} times`)
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  )
})

test('of several sources, who sent the wrong block is banned, and nobody else', async () => {
  const { clock, peer } = world()
  const liar = peer().hold()
  const honest = [peer().hold(), peer().hold()]
  const leecher = peer()
  const links = [liar, ...honest].map((seeder) => connect(clock, seeder, leecher, SLOW)[0])
  const [lies] = links
  assert.ok(lies)
  await clock.advance(100)
  tamper(lies, MESSAGE_TYPE.piece, (frame) => flip(frame, 100))
  assertSame(await clock.until(leecher.fetch(0)), good(0))
  assert.deepEqual(
    links.map(({ isOpen }) => isOpen),
    [false, true, true],
  )
  assert.equal(leecher.driver.swarm.welcomes(liar.id), false)
})

test('a source that is lost takes nothing along but what it owes', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const first = peer().hold()
  const [link] = connect(clock, first, leecher, SLOW)
  await clock.advance(100)
  const wanted = leecher.fetch(0)
  await clock.advance(700)
  link.close()
  const second = peer().hold()
  connect(clock, second, leecher, SLOW)
  assertSame(await clock.until(wanted), good(0))
  const given = second.driver.swarm.uploaded
  assert.ok(given < CHUNK / 2, `${given} bytes were sent again`)
})

test('a peer that gives no hashes brings chunks as before, and a second one waits for the next', async () => {
  const { clock, peer } = world()
  const seeders = [peer({ trees: undefined }).hold(), peer({ trees: undefined }).hold()]
  const leecher = peer()
  for (const seeder of seeders) connect(clock, seeder, leecher, SLOW)
  await clock.advance(100)
  assertSame(await clock.until(leecher.fetch(0)), good(0))
  assert.deepEqual(seeders.map(({ driver }) => driver.swarm.uploaded).sort(), [0, CHUNK])
})

/** One peer's answers to hash requests are changed; an honest one is there too. */
async function answering(change: (frame: Uint8Array) => boolean, chunkSize = CHUNK) {
  const clock = new VirtualClock()
  const options = { chunkCount: 3, chunkSize, trees: treesOf(3, chunkSize) }
  const [odd, honest, leecher] = [1, 2, 3].map((number) => new VirtualPeer(clock, number, options))
  assert.ok(odd && honest && leecher)
  const [strange] = connect(clock, odd.hold(), leecher)
  tamper(strange, MESSAGE_TYPE.hashes, change)
  await clock.advance(100)
  const wanted = leecher.fetch(0)
  await clock.advance(20)
  connect(clock, honest.hold(), leecher)
  assertSame(await clock.until(wanted), contentOf(0, chunkSize))
  return { strange, odd, leecher }
}

test('who makes up leaf hashes is banned', async () => {
  const { strange, odd, leecher } = await answering((frame) => flip(frame, 60))
  assert.equal(strange.isOpen, false)
  assert.equal(leecher.driver.swarm.welcomes(odd.id), false)
})

test('who makes up the proof of leaf hashes is banned', async () => {
  const size = 16 * 1024 * KiB // 1024 leaves: two answers, each with an uncle at its end
  const { strange } = await answering((frame) => flip(frame, 53 + 512 * 32), size)
  assert.equal(strange.isOpen, false)
})

test('who never answers hash requests still brings its chunks', async () => {
  const { strange } = await answering(() => false)
  assert.equal(strange.isOpen, true)
})

test('the largest chunks are proven too, by two answers', async () => {
  const size = 16 * 1024 * KiB
  const { strange, leecher } = await answering(() => true, size)
  assert.equal(strange.isOpen, true)
  assert.equal(leecher.driver.swarm.peers, 2)
})

test('a chunk that would be late is asked of a second one, and taken back from the loser', async () => {
  const { clock, peer } = world()
  const leecher = peer({ trees: undefined })
  const seeders = [peer().hold(), peer().hold()]
  const wires = [{ bytesPerMs: 300 }, SLOW]
  const links = seeders.map((seeder, i) => connect(clock, seeder, leecher, wires[i]))
  await clock.advance(100)
  let cancels = 0
  for (const [, mine] of links) tamper(mine, MESSAGE_TYPE.cancel, () => ++cancels > 0)
  assertSame(await clock.until(leecher.fetch(0, 3_000)), good(0))
  assert.ok(seeders.every(({ driver }) => driver.swarm.uploaded > 0))
  assert.ok(cancels > 0)
})

test('the last chunk does not wait for a slow peer while a fast one is idle', async () => {
  const { clock, peer } = world()
  const leecher = peer()
  const slow = peer().hold()
  connect(clock, slow, leecher, { bytesPerMs: 20 })
  await clock.advance(100)
  const wanted = leecher.fetch(0, 600_000)
  await clock.advance(3_000)
  connect(clock, peer().hold(), leecher, SLOW)
  const fromMs = clock.now()
  assertSame(await clock.until(wanted), good(0))
  const tookMs = clock.now() - fromMs
  assert.ok(tookMs < 2_500, `${tookMs} ms; the slow one alone takes a minute`)
})

test('nothing is fetched twice where it would come soon anyway', async () => {
  const { clock, peer } = world()
  const leecher = peer({ trees: undefined })
  const seeders = [peer().hold(), peer().hold()]
  for (const [i, seeder] of seeders.entries()) connect(clock, seeder, leecher, { bytesPerMs: i === 0 ? 2_500 : 10_000 })
  await clock.advance(100)
  await clock.until(Promise.all([leecher.fetch(0), leecher.fetch(1)]))
  const given = seeders.map(({ driver }) => driver.swarm.uploaded)
  assert.deepEqual(given, [CHUNK, CHUNK])
})

test('work for a block does not grow with the swarm', async () => {
  const callsFor = async (chunkCount: number) => {
    let calls = 0
    const counting = treesOf(chunkCount, 128 * KiB, (bytes) => {
      calls++
      return new Uint8Array(sha256(bytes))
    })
    const clock = new VirtualClock()
    const options = { chunkCount, chunkSize: 128 * KiB, trees: treesOf(chunkCount, 128 * KiB) }
    const seeder = new VirtualPeer(clock, 1, options).hold()
    const leecher = new VirtualPeer(clock, 2, { ...options, trees: counting })
    connect(clock, seeder, leecher)
    await clock.until(leecher.fetch(0))
    const before = calls
    await clock.until(leecher.fetch(1))
    return calls - before
  }
  assert.equal(await callsFor(500), await callsFor(10))
})
