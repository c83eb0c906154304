// The DHT on real WebRTC: clients of `tributary/mesh` in one process of Node, with a tracker that is ended half-way.
//
//   npm run bench dht-live -- [--nodes 60] [--links 6] [--lookups 200] [--json]
//
// Each client gives a file of its own. Lookups are asked of random clients for random files of others, one after the other: first
// with the tracker, then, 10 s after its end, without. Each connection takes some open files: `ulimit -n` bounds the number of clients.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Tracker } from '../manifest-tool/serve/tracker.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { openMesh } from '../seeder/node-mesh.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { Report } from './lib/report.ts'
import { median } from './lib/statistics.ts'

const { json, numbers } = readArguments({ nodes: [60], links: [6], lookups: [200] })
const [nodes, links, lookups] = [only(numbers.nodes), only(numbers.links), only(numbers.lookups)]

const FILE_BYTES = 100_000
const BOOTSTRAP_MS = 60_000
/** Clients come one by one: connections in the making are what takes memory and open files. */
const ARRIVAL_MS = 300
const SETTLE_MS = 10_000
const PATIENCE_MS = 5_000

const report = new Report('dht-live', [
  `${nodes} clients in one process of Node over real WebRTC, ${links} links each; a tracker, until it is ended.`,
  'bootstrap: until every client has half of its links. found: until a lookup names the holder.',
])

interface Given {
  readonly giver: Mesh
  readonly infoHash: Awaited<ReturnType<Mesh['share']>>['infoHash']
}

async function openTracker(cleanup: Cleanup): Promise<{ readonly url: string; readonly end: () => void }> {
  const tracker = cleanup.add(new Tracker(), (open) => open.close())
  const server = cleanup.add(createServer(), (open) => void open.close())
  server.on('upgrade', (request, socket, head) => tracker.upgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `ws://127.0.0.1:${port}/`, end: () => tracker.close() }
}

/** @returns seconds until all have half of their links */
async function bootstrap(clients: readonly Mesh[], tracker: string): Promise<number> {
  const startedMs = performance.now()
  for (const client of clients) {
    client.join({ trackers: [tracker] })
    await sleep(ARRIVAL_MS)
  }
  while (clients.some((client) => client.links.length < links / 2)) {
    if (performance.now() - startedMs > BOOTSTRAP_MS) return Number.POSITIVE_INFINITY
    await sleep(50)
  }
  return (performance.now() - startedMs) / 1000
}

function oneOf<T>(list: readonly T[]): T {
  const item = list[Math.floor(Math.random() * list.length)]
  if (item === undefined) throw new RangeError('nothing to choose from')
  return item
}

/** @returns milliseconds; undefined when nobody is found */
async function lookUp(client: Mesh, { infoHash }: Given): Promise<number | undefined> {
  const startedMs = performance.now()
  const lookup = client.lookup(infoHash, 0)
  const first = await Promise.race([lookup.next(), sleep(PATIENCE_MS)])
  await lookup.return?.()
  return first?.value === undefined ? undefined : performance.now() - startedMs
}

async function round(name: string, clients: readonly Mesh[], given: readonly Given[]): Promise<readonly number[]> {
  const times: number[] = []
  for (let i = 0; i < lookups; i++) {
    const wanted = oneOf(given)
    const ms = await lookUp(oneOf(clients.filter((client) => client !== wanted.giver)), wanted)
    if (ms !== undefined) times.push(ms)
  }
  times.sort((a, b) => a - b)
  const failed = lookups - times.length
  const p95 = times[Math.floor(0.95 * times.length)] ?? Number.NaN
  report.add({
    lookups: name,
    failed: String(failed),
    'found p50 / p95, ms': `${median(times).toFixed(0)} / ${p95.toFixed(0)}`,
    'links of a client': median(clients.map((client) => client.links.length)).toFixed(0),
  })
  report.target({ name: `found, p50, ${name}`, value: median(times), atMost: 150, unit: 'ms' })
  report.target({ name: `failed, ${name}`, value: failed, atMost: 0, unit: '' })
  return times
}

await Cleanup.around(async (cleanup) => {
  const tracker = await openTracker(cleanup)
  const clients: Mesh[] = []
  for (let i = 0; i < nodes; i++) clients.push(cleanup.add(await openMesh({ links }), (mesh) => mesh.close()))
  progress('bootstrap')
  const seconds = await bootstrap(clients, tracker.url)
  report.target({ name: 'bootstrap', value: seconds, atMost: BOOTSTRAP_MS / 1000, unit: 's' })
  progress('files are given')
  const given: Given[] = []
  for (const [i, giver] of clients.entries()) {
    const { infoHash } = await giver.share(`${i}.bin`, new Uint8Array(FILE_BYTES).fill(i))
    given.push({ giver, infoHash })
  }
  await sleep(SETTLE_MS)
  await round('with the tracker', clients, given)
  tracker.end()
  await sleep(SETTLE_MS)
  await round('without it', clients, given)
})
report.print(json)
process.exit() // WebRTC for Node has threads that stay
