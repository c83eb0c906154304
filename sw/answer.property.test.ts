import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf, madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// Whatever is held, asked, cut and promised: a response that ends without error has exactly its bytes, and it does end.

const KiB = 1024
const CHUNK = 32 * KiB
/** Nothing here takes a second; what has not ended by then never will. */
const HANG_MS = 15_000

const reader = fc.record({
  from: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.double({ min: 0, max: 1, noNaN: true }),
  open: fc.boolean(),
  whole: fc.boolean(),
  media: fc.boolean(),
  /** Whether it leaves after its first bytes. */
  leaves: fc.boolean(),
})
const fault = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.record({ cutAfter: fc.nat(200 * KiB) }),
  fc.record({ shortAfter: fc.nat(200 * KiB) }),
  fc.record({ stallAfter: fc.nat(200 * KiB) }),
  fc.constant({ status: 503 }),
)
const peer = fc.constantFrom('good', 'nothing', 'wrong', 'short', 'throws', 'never')
const visit = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 3 * CHUNK }), fc.integer({ min: 1, max: 2_000 * KiB })),
  seed: fc.integer({ min: 1, max: 1e6 }),
  cached: fc.array(fc.nat(63), { maxLength: 20 }),
  readers: fc.array(reader, { minLength: 1, maxLength: 5 }),
  mesh: fc.boolean(),
  peers: fc.array(peer, { minLength: 1, maxLength: 8 }),
  faults: fc.array(fault, { maxLength: 6 }),
  capacity: fc.constantFrom(undefined, 0, 10 * CHUNK),
})
type Visit = typeof visit extends fc.Arbitrary<infer V> ? V : never
type Reader = Visit['readers'][number]

function headersOf({ from, length, open, whole }: Reader, size: number): { range?: string } {
  if (whole) return {}
  const start = Math.floor(from * size)
  return { range: `bytes=${start}-${open ? '' : Math.min(size, start + Math.floor(length * size))}` }
}

/** Reads a response as its reader would. @returns undefined when the body ended with an error or the reader left */
async function read(site: WorkerSite, how: Reader, size: number): Promise<Response | undefined> {
  const headers = headersOf(how, size)
  const destination = how.media ? ({ destination: 'video' } as const) : {}
  const response = await site.respond('a.bin', { headers, ...destination }).catch(() => undefined)
  if (!response?.body || !how.leaves) return response
  const body = response.body.getReader()
  await body.read().catch(() => undefined)
  await body.cancel().catch(() => undefined)
  return undefined
}

async function check(site: WorkerSite, response: Response | undefined, bytes: Uint8Array): Promise<boolean> {
  if (!response || response.status >= 400) return false
  const body = await response.arrayBuffer().catch(() => undefined)
  if (!body) return false
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
  const [start, end] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, bytes.length]
  assert.equal(body.byteLength, end - start, 'short or long')
  assert.equal(response.headers.get('content-length'), String(end - start))
  assert.equal(digestOf(new Uint8Array(body)), digestOf(bytes.subarray(start, end)), 'wrong bytes')
  assert.equal(site.fallbacks.length, 0, 'nothing has changed at the origin')
  return true
}

function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('hangs')), HANG_MS)
  })
  return Promise.race([work, hung]).finally(() => clearTimeout(timer))
}

async function play(owner: { after(cleanUp: () => void): void }, visit: Visit): Promise<void> {
  const { size, seed, readers, faults, peers } = visit
  const bytes = madeUp(size, seed)
  const site = await WorkerSite.open(owner, {
    files: { 'a.bin': { bytes } },
    mesh: visit.mesh,
    patience: { origin: 100, call: 100, peerChunk: 300 },
    ...(visit.capacity !== undefined && { capacity: visit.capacity }),
  })
  const cached = [...new Set(visit.cached.filter((chunk) => chunk * CHUNK < size))]
  const held = visit.capacity === undefined ? cached : []
  await site.cache('a.bin', held)
  const left = [...faults]
  site.origin.fault = ({ path }) => (path === 'a.bin' ? left.shift() : undefined)
  site.host.answer = async (chunk) => {
    const kind = peers[chunk % peers.length]
    if (kind === 'never') return await new Promise(() => {})
    if (kind === 'throws') throw new Error('no')
    if (kind === 'nothing') return undefined
    const truth = site.chunk(chunk)
    return kind === 'good' ? truth : kind === 'short' ? truth.subarray(1) : truth.map((byte) => ~byte)
  }
  const answers = readers.map(async (how) => await check(site, await read(site, how, size), bytes))
  const good = await within(Promise.all(answers))
  const quiet = !visit.mesh && faults.every((each) => each === undefined) && visit.capacity === undefined
  if (!quiet) return
  assert.ok(
    readers.every(({ leaves }, i) => leaves || good[i]),
    'every reader is served',
  )
  const stays = readers.every(({ leaves }) => !leaves)
  const missing = size - held.reduce((sum, chunk) => sum + Math.min(CHUNK, size - chunk * CHUNK), 0)
  // What was under way when the last reader had enough is not counted: nobody received it.
  if (stays) assert.ok(site.accelerator.stats().bytes.origin <= missing, 'a chunk came twice from the origin')
}

test('any visit', { timeout: 110_000 }, async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const runs = Number(process.env.RUNS ?? 60)
  await fc.assert(
    fc.asyncProperty(visit, async (each) => {
      const ends: (() => void)[] = []
      try {
        await play({ after: (end) => void ends.push(end) }, each)
      } finally {
        for (const end of ends) end()
      }
    }),
    { seed, numRuns: runs, includeErrorInReport: true, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  )
})
