import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import { reasonOf, SeederError } from './errors.ts'
import type { SeederStats } from './seeder.ts'

/** Distinct `swarm` labels; what the others sent is counted under `(more)`, so that metrics stay bounded. */
const MAX_SWARMS = 1_000

type Reading = ReadonlyMap<string, number> | number

interface Metric {
  readonly name: string
  readonly help: string
  /** Name of the only label, where the reading is a map. */
  readonly label?: 'swarm' | 'url' | 'result'
  readonly read: (stats: SeederStats) => Reading
}

const METRICS: readonly Metric[] = [
  {
    name: 'tributary_seeder_uploaded_bytes_total',
    help: 'Bytes of chunks sent to peers, by swarm; swarms that sent nothing are left out',
    label: 'swarm',
    read: uploadedBySwarm,
  },
  { name: 'tributary_seeder_peers', help: 'Connected peers over all swarms', read: ({ peers }) => peers },
  { name: 'tributary_seeder_swarms', help: 'Swarms of the manifest', read: ({ swarms }) => swarms.length },
  {
    name: 'tributary_seeder_chunks_offered',
    help: 'Chunks that can be served',
    read: ({ swarms }) => sumOf(swarms, ({ offered }) => offered),
  },
  {
    name: 'tributary_seeder_chunk_reads_total',
    help: 'Chunks read from the disk, by whether they matched the manifest',
    label: 'result',
    read: ({ swarms }) =>
      new Map([
        ['verified', sumOf(swarms, ({ verified }) => verified)],
        ['refused', sumOf(swarms, ({ refused }) => refused)],
      ]),
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
    label: 'url',
    read: ({ trackers }) => new Map([...trackers].map(([url, isUp]) => [url, Number(isUp)])),
  },
]

/** Adds what a seeder counts to a registry. The values are read when the metrics are asked for. */
export function registerSeederMetrics(registry: Registry, stats: () => SeederStats): void {
  for (const { name, help, label, read } of METRICS) {
    const readings = () => {
      const reading = read(stats())
      if (typeof reading === 'number') return [{ labels: {}, value: reading }]
      return [...reading].map(([key, value]) => ({ labels: { [label ?? '']: key }, value }))
    }
    const shape = { name, help, registers: [registry], labelNames: label === undefined ? [] : [label] }
    if (name.endsWith('_total'))
      new Counter({
        ...shape,
        collect() {
          this.reset()
          for (const { labels, value } of readings()) this.inc(labels, value)
        },
      })
    else
      new Gauge({
        ...shape,
        collect() {
          this.reset()
          for (const { labels, value } of readings()) this.set(labels, value)
        },
      })
  }
}

function uploadedBySwarm({ swarms, uploaded }: SeederStats): ReadonlyMap<string, number> {
  const shown = swarms.filter((swarm) => swarm.uploaded > 0).slice(0, MAX_SWARMS)
  const counts = new Map<string, number>(shown.map((swarm) => [swarm.infoHash, swarm.uploaded]))
  const more = uploaded - sumOf(shown, (swarm) => swarm.uploaded)
  return more > 0 ? counts.set('(more)', more) : counts
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Answers `/metrics` in Prometheus form and `/healthz`.
 * @param port 0: any free one
 * @throws SeederError when the port cannot be had
 */
export async function serveMetrics(
  stats: () => SeederStats,
  { port, host }: { port: number; host: string },
): Promise<MetricsServer> {
  const registry = new Registry()
  registerSeederMetrics(registry, stats)
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (path === '/healthz') answerHealth(response, stats())
    else if (path === '/metrics') void answerMetrics(response, registry)
    else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('/metrics or /healthz\n')
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

/** Alive is healthy: to restart a seeder does not bring its tracker back. */
function answerHealth(response: ServerResponse, { swarms, peers, trackers }: SeederStats): void {
  const connected = [...trackers.values()].filter((isUp) => isUp).length
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(`${JSON.stringify({ ok: true, swarms: swarms.length, peers, trackers: trackers.size, connected })}\n`)
}

async function answerMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  const text = await registry.metrics()
  response.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).end(text)
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
