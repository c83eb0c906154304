import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { InfoHash } from '../protocol/units.ts'
import { reasonOf, SeederError } from './errors.ts'
import type { SeederStats } from './seeder.ts'

/** Distinct `swarm` labels; what the others have is counted under `(more)`, so that metrics stay bounded. */
const MAX_SWARMS = 1_000

/** One value of a metric, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric that is read off what somebody counts. Names that end in `_total` are counters. */
export interface Metric<Stats> {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: (stats: Stats) => number | readonly Sample[]
}

const SEEDER_METRICS: readonly Metric<SeederStats>[] = [
  {
    name: 'tributary_seeder_uploaded_bytes_total',
    help: 'Bytes of chunks sent to peers, by swarm; swarms that sent nothing are left out',
    labels: ['swarm'],
    read: ({ swarms, uploaded }) => bySwarm(swarms, (swarm) => swarm.uploaded, uploaded),
  },
  { name: 'tributary_seeder_peers', help: 'Connected peers over all swarms', read: ({ peers }) => peers },
  {
    name: 'tributary_seeder_dht_links',
    help: 'Clients of the DHT that it is linked with',
    read: ({ dhtLinks }) => dhtLinks,
  },
  { name: 'tributary_seeder_swarms', help: 'Swarms of the manifest', read: ({ swarms }) => swarms.length },
  {
    name: 'tributary_seeder_chunks_offered',
    help: 'Chunks that can be served',
    read: ({ swarms }) => sumOf(swarms, ({ offered }) => offered),
  },
  {
    name: 'tributary_seeder_chunk_reads_total',
    help: 'Chunks read from the disk, by whether they matched the manifest',
    labels: ['result'],
    read: ({ swarms }) => [
      { labels: { result: 'verified' }, value: sumOf(swarms, ({ verified }) => verified) },
      { labels: { result: 'refused' }, value: sumOf(swarms, ({ refused }) => refused) },
    ],
  },
  {
    name: 'tributary_seeder_troubled_files',
    help: 'Files that are missing or not as in the manifest, as far as known',
    read: ({ swarms }) => sumOf(swarms, ({ problems }) => problems),
  },
  { name: 'tributary_seeder_open_files', help: 'Files held open', read: ({ openFiles }) => openFiles },
  {
    name: 'tributary_seeder_tracker_connected',
    help: '1 while connected to the tracker',
    labels: ['url'],
    read: ({ trackers }) => byTracker(trackers),
  },
]

/** Adds what a seeder counts to a registry. */
export function registerSeederMetrics(registry: Registry, stats: () => SeederStats): void {
  registerMetrics(registry, SEEDER_METRICS, stats)
}

/** Adds metrics to a registry. The values are read when the metrics are asked for. */
export function registerMetrics<Stats>(
  registry: Registry,
  metrics: readonly Metric<Stats>[],
  stats: () => Stats | Promise<Stats>,
): void {
  for (const { name, help, labels = [], read } of metrics) {
    const samples = async () => {
      const reading = read(await stats())
      return typeof reading === 'number' ? [{ labels: {}, value: reading }] : reading
    }
    const shape = { name, help, registers: [registry], labelNames: [...labels] }
    if (name.endsWith('_total'))
      new Counter({
        ...shape,
        async collect() {
          const now = await samples()
          this.reset()
          for (const sample of now) this.inc(sample.labels, sample.value)
        },
      })
    else
      new Gauge({
        ...shape,
        async collect() {
          const now = await samples()
          this.reset()
          for (const sample of now) this.set(sample.labels, sample.value)
        },
      })
  }
}

/** A count by swarm, without those that have none. @param total with that of swarms that are gone */
export function bySwarm<S extends { readonly infoHash: InfoHash }>(
  swarms: readonly S[],
  count: (swarm: S) => number,
  total = sumOf(swarms, count),
): Sample[] {
  const shown = swarms.filter((swarm) => count(swarm) > 0).slice(0, MAX_SWARMS)
  const samples = shown.map((swarm) => ({ labels: { swarm: swarm.infoHash as string }, value: count(swarm) }))
  const more = total - sumOf(shown, count)
  return more > 0 ? [...samples, { labels: { swarm: '(more)' }, value: more }] : samples
}

export function byTracker(trackers: ReadonlyMap<string, boolean>): Sample[] {
  return [...trackers].map(([url, isUp]) => ({ labels: { url }, value: Number(isUp) }))
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}

/** Alive is healthy: to restart a seeder does not bring its tracker back. */
export function seederHealth({ swarms, peers, trackers }: SeederStats) {
  const connected = [...trackers.values()].filter((isUp) => isUp).length
  return { ok: true, swarms: swarms.length, peers, trackers: trackers.size, connected }
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

export interface MetricsOptions {
  /** 0: any free one. */
  readonly port: number
  readonly host: string
  readonly registry: Registry
  /** What `/healthz` says, beside status 200. */
  readonly health: () => object | Promise<object>
}

/**
 * Answers `/metrics` in Prometheus form and `/healthz`.
 * @throws SeederError when the port cannot be had
 */
export async function serveMetrics({ port, host, registry, health }: MetricsOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const text = async () => {
      if (path === '/healthz') return `${JSON.stringify(await health())}\n`
      return path === '/metrics' ? await registry.metrics() : undefined
    }
    const type = path === '/metrics' ? registry.contentType : 'application/json'
    text().then(
      (body) => {
        if (body === undefined) response.writeHead(404, { 'Content-Type': 'text/plain' }).end('/metrics or /healthz\n')
        else response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
      },
      (error) => response.writeHead(500, { 'Content-Type': 'text/plain' }).end(`${reasonOf(error)}\n`),
    )
  })
  await listen(server, port, host)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new SeederError(`metrics cannot be served at ${host}:${port} (${reasonOf(error)})`, 'choose another port', {
          cause: error,
        }),
      ),
    )
    server.listen(port, host, resolve)
  })
}
