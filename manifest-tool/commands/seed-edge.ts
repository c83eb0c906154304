import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Edge, type EdgeOptions } from '../../seeder/edge/edge.ts'
import { EDGE_METRICS, edgeHealth, edgeStatus } from '../../seeder/edge/metrics.ts'
import { SeederError } from '../../seeder/errors.ts'
import type { Log } from '../../seeder/log.ts'
import { registerMetrics } from '../../seeder/metrics.ts'
import { loadNodeTransport, type TransportMaker } from '../../seeder/node-transport.ts'
import { usage } from '../failure.ts'
import type { Io } from '../io.ts'
import { isHttpUrl, PORTS, peerOptions, type SeedArguments, sizeAtLeast, wholeNumber } from './seed-options.ts'
import { runUntilStopped } from './seed-run.ts'

/** `tributary seed <url>` */
export async function seedAsEdge(url: string, given: SeedArguments, io: Io): Promise<void> {
  const options = edgeOptions(url, given)
  await runUntilStopped(given, io, async (log) => {
    const makeTransport = await transportOr(options.http !== undefined, log)
    const edge = await Edge.start({ ...options, makeTransport, log })
    if (options.http) log('info', 'serving files', { url: `http://${options.http.host}:${edge.httpPort}/` })
    return {
      register: (registry) => registerMetrics(registry, EDGE_METRICS, () => edge.stats()),
      health: async () => edgeHealth(await edge.stats()),
      status: async () => edgeStatus(await edge.stats()),
      reload: () => edge.reload(),
      close: (graceMs) => edge.close(graceMs),
      summary: async () => {
        const { uploaded, http } = await edge.stats()
        return { uploaded, served: http.bytes }
      },
    }
  })
}

/** Where WebRTC does not load, a mirror is still one. */
async function transportOr(isMirror: boolean, log: Log): Promise<TransportMaker | undefined> {
  try {
    return await loadNodeTransport()
  } catch (error) {
    if (!(error instanceof SeederError) || !isMirror) throw error
    log('warn', `${error.message}: there will be no peers - ${error.mend}`)
    return undefined
  }
}

function edgeOptions(url: string, given: SeedArguments): Omit<EdgeOptions, 'makeTransport' | 'log'> {
  if (!isHttpUrl(url)) throw usage(`${url} is not an http: or https: URL`, 'write it like https://example.org/')
  const http = given.httpPort !== undefined && {
    host: given.httpHost ?? '127.0.0.1',
    port: wholeNumber(given, 'httpPort', PORTS),
    maxConnections: wholeNumber(given, 'maxConnections', { least: 1, most: 100_000, otherwise: 1_000 }),
  }
  return {
    ...peerOptions(given),
    manifestUrl: url,
    folder: given.store ?? defaultFolder(url),
    // A chunk has up to 16 MiB, and room is made by eighths.
    cacheSize: sizeAtLeast(given, 'cacheSize', '64MiB', '10GiB'),
    memory: sizeAtLeast(given, 'memory', '64MiB', '512MiB'),
    maxOpenFiles: wholeNumber(given, 'maxOpenFiles', { least: 8, most: 100_000, otherwise: 256 }),
    joinAll: given.joinAll === true,
    http: http || undefined,
  }
}

/** A folder of its own for each site. */
function defaultFolder(url: string): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(base, 'tributary', `edge-${createHash('sha256').update(url).digest('hex').slice(0, 16)}`)
}
