import { once } from 'node:events'
import type { Command } from 'commander'
import { SeederError } from '../../seeder/errors.ts'
import { atLeast, jsonLog, LOG_LEVELS, type LogLevel } from '../../seeder/log.ts'
import { serveMetrics } from '../../seeder/metrics.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { DEFAULT_MAX_PEERS } from '../../seeder/peer-port.ts'
import { Seeder, type SeederOptions } from '../../seeder/seeder.ts'
import { StatusLine } from '../../seeder/status-line.ts'
import { Failure, usage } from '../failure.ts'
import type { Io } from '../io.ts'
import { parseRate } from '../quantity.ts'

interface Arguments {
  readonly announce: string[]
  readonly origin?: string
  readonly uploadLimit?: string
  readonly maxPeers: string
  readonly logLevel: string
  readonly metricsPort?: string
  readonly metricsHost: string
}

/** How long what is being sent may take when the seeder is told to stop; all in all it ends within five seconds. */
const GRACE_MS = 3_000
const STATUS_MS = 1_000

const collect = (value: string, before: string[]) => [...before, value]

export function addSeedCommand(program: Command, io: Io): void {
  program
    .command('seed')
    .summary('serve the swarms of a site from its files, as a peer with a disk')
    .description(
      'Serves every swarm of the manifest in <dir> to visitors over WebRTC, from the files themselves, each chunk\n' +
        'verified. Follows a new manifest by itself; SIGHUP looks at everything again. Logs JSON unless on a terminal.',
    )
    .argument('<dir>', 'root of the site, with its manifest')
    .option('--origin <url>', "the site's public URL: says where a tracker path such as /announce is")
    .option('--announce <url>', "tracker to use instead of the manifest's; may be repeated", collect, [])
    .option('--upload-limit <rate>', 'over all swarms, such as 50Mbit')
    .option('--max-peers <n>', 'connections over all swarms', String(DEFAULT_MAX_PEERS))
    .option('--log-level <level>', LOG_LEVELS.join(', '), 'info')
    .option('--metrics-port <n>', 'serve /metrics and /healthz here; 0 means any free one')
    .option('--metrics-host <address>', 'address for them to listen on', '127.0.0.1')
    .action((dir: string, given: Arguments) => seed(dir, given, io))
}

async function seed(dir: string, given: Arguments, io: Io): Promise<void> {
  const level = levelOf(given.logLevel)
  const metricsPort = given.metricsPort === undefined ? undefined : wholeNumber(given, 'metricsPort', 0, 65535)
  const status = 'isTTY' in io.stdout && io.stdout.isTTY ? new StatusLine(io.stdout) : undefined
  const log = atLeast(level, status?.log ?? jsonLog((line) => io.stdout.write(line)))
  const options = seederOptions(dir, given)
  const seeder = await mended(async () => Seeder.start({ ...options, makeTransport: await loadNodeTransport(), log }))
  try {
    const stats = () => seeder.stats()
    const metrics =
      metricsPort === undefined
        ? undefined
        : await mended(() => serveMetrics(stats, { port: metricsPort, host: given.metricsHost }))
    if (metrics) log('info', 'serving metrics', { url: `http://${given.metricsHost}:${metrics.port}/metrics` })
    const showing = status && setInterval(() => status.show(stats(), performance.now()), STATUS_MS)
    const reload = () => void seeder.reload()
    process.on('SIGHUP', reload)
    if (!io.signal.aborted) await once(io.signal, 'abort')
    process.off('SIGHUP', reload)
    clearInterval(showing)
    log('info', 'stopping')
    await metrics?.close()
  } finally {
    await seeder.close(GRACE_MS)
    status?.end()
  }
  log('info', 'stopped', { uploaded: seeder.stats().uploaded })
}

function seederOptions(dir: string, given: Arguments): Omit<SeederOptions, 'makeTransport' | 'log'> {
  if (/^[a-z]+:\/\//i.test(dir))
    throw usage(`${dir} is a URL`, 'seed works from files: copy the site here, then run tributary seed <dir>')
  for (const url of given.announce)
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw usage(`--announce ${url} is not a ws: or wss: URL`, 'write it like wss://tracker.example/announce')
  if (given.origin !== undefined && (!URL.canParse(given.origin) || !/^https?:$/.test(new URL(given.origin).protocol)))
    throw usage(`--origin ${given.origin} is not an http: or https: URL`, 'write it like https://example.org/')
  return {
    root: dir,
    announce: given.announce,
    maxPeers: wholeNumber(given, 'maxPeers', 1, 10_000),
    ...(given.origin !== undefined && { origin: given.origin }),
    ...(given.uploadLimit !== undefined && { uploadLimit: parseRate(given.uploadLimit) }),
  }
}

function levelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text)
  if (level === undefined) throw usage(`--log-level ${text} is none`, `use one of ${LOG_LEVELS.join(', ')}`)
  return level
}

const OPTION_NAMES = { metricsPort: '--metrics-port', maxPeers: '--max-peers' } as const

function wholeNumber(given: Arguments, name: keyof typeof OPTION_NAMES, least: number, most: number): number {
  const text = given[name] ?? ''
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw usage(`${OPTION_NAMES[name]} ${text} is out of range`, `use a whole number from ${least} to ${most}`)
  return value
}

/** What a seeder's operator can mend, the command line reports as such. */
async function mended<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof SeederError) throw new Failure(error.message, error.mend, { cause: error })
    throw error
  }
}
