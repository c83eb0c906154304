// The DHT on real WebRTC: clients of `tributary/mesh` in processes of Node and in browsers, with a tracker that is ended half-way.
//
//   npm run bench dht-live -- [--nodes 60] [--processes 6] [--browsers 2] [--links 6] [--lookups 200] [--json]
//
// Each client gives a file of its own. Lookups are asked of random clients for random files of others, one after the other: first
// with the tracker, then, 10 s after its end, without. Nodes are spread over the processes.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Tracker } from '../manifest-tool/serve/tracker.ts'
import type { InfoHash } from '../protocol/units.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Browser } from './lib/browser.ts'
import { Cleanup } from './lib/cleanup.ts'
import { Control } from './lib/control.ts'
import { type MeshHost, nodeHost, pageHost } from './lib/mesh-hosts.ts'
import { Report } from './lib/report.ts'
import { Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const { json, numbers } = readArguments({ nodes: [60], processes: [6], browsers: [2], links: [6], lookups: [200] })
const [nodes, processes, browsers] = [only(numbers.nodes), only(numbers.processes), only(numbers.browsers)]
const [links, lookups] = [only(numbers.links), only(numbers.lookups)]

const BOOTSTRAP_MS = 60_000
const ARRIVAL_MS = 300
const SETTLE_MS = 10_000
/** One lookup in so many goes on to a chunk. */
const TAKEN = 10

const report = new Report('dht-live', [
  `${nodes} clients in ${processes} processes of Node and ${browsers} in Chromium over real WebRTC, ${links} links each; a tracker, until it is ended.`,
  'bootstrap: until every client has half of its links. found: until a lookup names the holder. taken: with an info hash alone, until',
  'the swarm is looked up and described, a holder is connected to, and its first chunk is verified.',
])

/** One client, wherever it runs. */
interface Client {
  readonly id: string
  readonly host: MeshHost
  readonly index: number
  /** What it gives, and who has some of it by now. */
  readonly file: { readonly infoHash: InfoHash; readonly holders: Set<string> }
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

async function openPages(cleanup: Cleanup): Promise<MeshHost[]> {
  if (browsers === 0) return []
  const site = cleanup.add(await Site.make([]), (made) => made.remove())
  const control = cleanup.add(await Control.open(), (open) => open.close())
  const server = cleanup.add(await site.serve(false), (running) => running.close())
  const page = `${server.url}mesh.html`
  const open = async (_: unknown, i: number) => pageHost(await Browser.open({ control, name: `visitor-${i}`, page }))
  return await Promise.all(Array.from({ length: browsers }, open))
}

/** @returns seconds until all have half of their links */
async function bootstrap(hosts: readonly MeshHost[], tracker: string): Promise<number> {
  const startedMs = performance.now()
  const enter = (host: MeshHost, i: number) => {
    const count = host.kind === 'page' ? 1 : Math.floor((nodes + i) / processes)
    return host.enter({ count, links, tracker, everyMs: ARRIVAL_MS })
  }
  const pages = hosts.filter(({ kind }) => kind === 'page')
  await Promise.all([...hosts.filter(({ kind }) => kind === 'node').map(enter), ...pages.map(enter)])
  while ((await linksOf(hosts)).some((count) => count < links / 2)) {
    if (performance.now() - startedMs > BOOTSTRAP_MS) return Number.POSITIVE_INFINITY
    await sleep(100)
  }
  return (performance.now() - startedMs) / 1000
}

async function linksOf(hosts: readonly MeshHost[]): Promise<readonly number[]> {
  return (await Promise.all(hosts.map((host) => host.linkCounts()))).flat()
}

async function clientsOf(hosts: readonly MeshHost[]): Promise<readonly Client[]> {
  const clients = async (host: MeshHost) =>
    (await host.giveFiles()).map(({ infoHash, giver: id }, index) => {
      return { id, host, index, file: { infoHash, holders: new Set([id]) } }
    })
  return (await Promise.all(hosts.map(clients))).flat()
}

function oneOf<T>(list: readonly T[]): T {
  const item = list[Math.floor(Math.random() * list.length)]
  if (item === undefined) throw new RangeError('nothing to choose from')
  return item
}

function isThere(ms: number | null): ms is number {
  return ms !== null
}

async function round(name: string, clients: readonly Client[]): Promise<void> {
  const found: (number | null)[] = []
  const taken: (number | null)[] = []
  for (let i = 0; i < lookups; i++) {
    const { file } = oneOf(clients)
    const seeker = oneOf(clients.filter(({ id }) => !file.holders.has(id)))
    const seeking = { client: seeker.index, infoHash: file.infoHash }
    const first = await seeker.host.lookUp(seeking)
    found.push(first !== null && file.holders.has(first.holder) ? first.ms : null)
    if (i % TAKEN !== 0) continue
    const ms = await seeker.host.take(seeking)
    taken.push(ms)
    if (ms !== null) file.holders.add(seeker.id)
  }
  const times = found.filter(isThere).sort((a, b) => a - b)
  const failed = lookups - times.length
  const counts = await linksOf([...new Set(clients.map(({ host }) => host))])
  report.add({
    lookups: `${lookups} ${name}`,
    failed: String(failed),
    'found p50 / p95, ms': `${median(times).toFixed(0)} / ${(times[Math.floor(0.95 * times.length)] ?? Number.NaN).toFixed(0)}`,
    taken: `${taken.filter(isThere).length} of ${taken.length}`,
    'taken p50, ms': median(taken.filter(isThere)).toFixed(0),
    'links of a client, least / p50': `${Math.min(...counts)} / ${median(counts).toFixed(0)}`,
  })
  report.target({ name: `found, p50, ${name}`, value: median(times), atMost: 150, unit: 'ms' })
  report.target({ name: `failed, ${name}`, value: failed, atMost: 0, unit: '' })
}

await Cleanup.around(async (cleanup) => {
  const tracker = await openTracker(cleanup)
  const roles = Array.from({ length: processes }, nodeHost)
  const hosts = [...roles, ...(await openPages(cleanup))]
  for (const host of hosts) cleanup.add(host, (open) => open.end())
  progress('bootstrap')
  const seconds = await bootstrap(hosts, tracker.url)
  report.target({ name: 'bootstrap', value: seconds, atMost: BOOTSTRAP_MS / 1000, unit: 's' })
  progress('files are given')
  const clients = await clientsOf(hosts)
  await sleep(SETTLE_MS)
  progress('lookups with the tracker')
  await round('with the tracker', clients)
  tracker.end()
  await sleep(SETTLE_MS)
  progress('lookups without it')
  await round('without it', clients)
})
report.print(json)
