import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../protocol/units.ts'
import { openNoStore } from '../store/none.ts'
import { type Demand, Demands } from './demand.ts'
import { OriginRun, type OriginRunOptions } from './origin-run.ts'
import { PATIENCE } from './patience.ts'
import { SwarmCache } from './swarm-cache.ts'

const FILE: ManifestFile = {
  path: 'film.bin',
  size: 256 * MiB,
  type: 'application/octet-stream',
  firstChunk: 0 as ChunkIndex,
  chunkSize: 16 * MiB,
}
const SWARM: SwarmManifest = {
  infoHash: 'a'.repeat(40) as InfoHash,
  chunkSize: 16 * MiB,
  chunkCount: 16,
  hashes: 'chunks/a.sha256',
  hashesDigest: '',
  files: [FILE],
}
const chunkAfter = (bytes: number) => (bytes / FILE.chunkSize) as ChunkIndex

async function openCache() {
  return await SwarmCache.open({
    swarm: SWARM,
    store: openNoStore().chunks,
    isNew: true,
    patience: PATIENCE,
    verifier: async () => async () => true,
    verified: () => undefined,
    mismatched: () => undefined,
  })
}

function demandAt(position: number): Demand {
  const access = { url: 'http://site.test/film.bin', credentials: 'omit' } as const
  const { size: end } = FILE
  return { file: FILE, access, media: false, begin: position, position, readMs: 0, end, playback: () => ({}) }
}

/** An origin that sends as fast as it is read. */
function startRun(cache: SwarmCache, demands: Demands, start: number, from: Partial<OriginRunOptions> = {}): OriginRun {
  return new OriginRun({
    file: FILE,
    cache,
    body: new ReadableStream({ pull: (body) => body.enqueue(new Uint8Array(64 * KiB)) }, { highWaterMark: 0 }),
    span: { start, end: FILE.size },
    end: FILE.size,
    answersRanges: true,
    demands,
    version: 'one',
    patience: PATIENCE.origin,
    momentBytes: () => 0,
    received: () => undefined,
    ...from,
  })
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 50))

test('a transfer waits for its reader, and ends when only readers elsewhere are left', async () => {
  const [cache, demands] = [await openCache(), new Demands()]
  const [paused, leaving] = [demandAt(0), demandAt(128 * MiB)]
  for (const demand of [paused, leaving]) demands.add(demand)
  const [near, far] = [startRun(cache, demands, 0), startRun(cache, demands, 128 * MiB)]
  await soon()
  assert.deepEqual([near.stopped, far.stopped], [false, false])
  assert.ok(near.position >= 4 * MiB && near.position < 5 * MiB, `${near.position}`)
  demands.remove(leaving)
  await soon()
  assert.deepEqual([near.stopped, far.stopped], [false, true])
  near.stop()
})

test('a transfer that was asked for early waits for a reader who is a request behind', async () => {
  const [cache, demands] = [await openCache(), new Demands()]
  const reader = demandAt(0)
  demands.add(reader)
  const early = startRun(cache, demands, 16 * MiB)
  await soon()
  assert.deepEqual([early.stopped, early.position], [false, 16 * MiB])
  demands.advance(reader, 14 * MiB)
  await soon()
  assert.ok(early.position > 16 * MiB)
  early.stop()
})

test('broken transfers are kept for whoever goes on with them, but few of them, whoever reads', async () => {
  const cache = await openCache()
  for (let at = 0; at < FILE.size; at += FILE.chunkSize) {
    const slot = cache.claim(FILE, chunkAfter(at), 'one')
    slot.append(new Uint8Array(1))
    slot.lose()
    cache.tidy(true)
  }
  const kept = cache.slots({ first: 0 as ChunkIndex, after: 16 as ChunkIndex }).map(([chunk]) => chunk)
  assert.deepEqual(kept, [14, 15])
})

/** A body as browsers have it, which lets its reader say where to. */
function bytesBody(size: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0
  return new ReadableStream({
    type: 'bytes',
    pull(body) {
      if (sent === size) {
        body.close()
        body.byobRequest?.respond(0)
        return
      }
      const piece = Uint8Array.from({ length: Math.min(50_000, size - sent) }, (_, i) => (sent + i) % 251)
      sent += piece.length
      body.enqueue(piece)
    },
  })
}

/** How the second chunk stands after a body of `size` bytes, and how often its readers were told of bytes. */
async function secondChunkOf(size: number, momentBytes: number) {
  const [cache, demands] = [await openCache(), new Demands()]
  demands.add(demandAt(0))
  let [seen, arrivals] = [0, 0]
  const received = (bytes: number) => {
    if (bytes > 0 && seen >= FILE.chunkSize) arrivals++
    seen += bytes
  }
  const body = bytesBody(size)
  const end = 2 * FILE.chunkSize
  await startRun(cache, demands, 0, { body, end, momentBytes: () => momentBytes, demands: undefined, received }).done
  const slot = cache.slot(chunkAfter(FILE.chunkSize))
  assert.ok(slot?.bytes.every((byte, i) => byte === (FILE.chunkSize + i) % 251))
  return { bytes: slot?.filled, state: slot?.state, arrivals }
}

test('a chunk of a quick origin comes as a whole, one of a slower origin piece by piece', async () => {
  const bytes = FILE.chunkSize
  assert.deepEqual(await secondChunkOf(2 * bytes, bytes), { bytes, state: 'whole', arrivals: 1 })
  const slow = await secondChunkOf(2 * bytes, 0)
  assert.deepEqual([slow.bytes, slow.state], [bytes, 'whole'])
  assert.ok(slow.arrivals >= bytes / (64 * KiB), `${slow.arrivals}`)
})

test('the first chunk comes piece by piece, however quick the origin', async () => {
  const [cache, demands] = [await openCache(), new Demands()]
  demands.add(demandAt(0))
  let first = 0
  const received = (bytes: number) => {
    first ||= bytes
  }
  const from = { body: bytesBody(FILE.chunkSize), momentBytes: () => FILE.chunkSize, received }
  const run = startRun(cache, demands, 0, from)
  await soon()
  run.stop()
  assert.ok(first > 0 && first <= 64 * KiB, `${first}`)
})

test('of a quick origin that ends too early, nothing that came is lost', async () => {
  const came = await secondChunkOf(FILE.chunkSize + 3 * MiB, FILE.chunkSize)
  assert.deepEqual(came, { bytes: 3 * MiB, state: 'lost', arrivals: 1 })
})
