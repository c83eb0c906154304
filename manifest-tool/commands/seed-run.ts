import { once } from 'node:events'
import { Registry } from 'prom-client'
import { SeederError } from '../../seeder/errors.ts'
import { atLeast, jsonLog, LOG_LEVELS, type Log, type LogFields, type LogLevel } from '../../seeder/log.ts'
import { serveMetrics } from '../../seeder/metrics.ts'
import { type Status, StatusLine } from '../../seeder/status-line.ts'
import { Failure, usage } from '../failure.ts'
import type { Io } from '../io.ts'
import { PORTS, type SeedArguments, wholeNumber } from './seed-options.ts'

/** A seeder or an edge, as far as its process has to do with it. */
export interface Running {
  register(registry: Registry): void
  health(): object | Promise<object>
  status(): Status | Promise<Status>
  reload(): Promise<void>
  close(graceMs: number): Promise<void>
  /** What is told at the end. */
  summary(): LogFields | Promise<LogFields>
}

/** How long what is being sent may take when the process is told to stop; all in all it ends within five seconds. */
const GRACE_MS = 3_000
const STATUS_MS = 1_000

/** Runs until the user stops it: log or status line, metrics, SIGHUP. */
export async function runUntilStopped(
  given: SeedArguments,
  io: Io,
  start: (log: Log) => Promise<Running>,
): Promise<void> {
  const level = levelOf(given.logLevel)
  if (given.metricsPort !== undefined) wholeNumber(given, 'metricsPort', PORTS)
  const line = 'isTTY' in io.stdout && io.stdout.isTTY ? new StatusLine(io.stdout) : undefined
  const log = atLeast(level, line?.log ?? jsonLog((text) => io.stdout.write(text)))
  const running = await mended(() => start(log))
  try {
    const metrics = await openMetrics(given, running, log)
    const showing = line && setInterval(() => void show(line, running), STATUS_MS)
    const reload = () => void running.reload()
    process.on('SIGHUP', reload)
    if (!io.signal.aborted) await once(io.signal, 'abort')
    process.off('SIGHUP', reload)
    clearInterval(showing)
    log('info', 'stopping')
    await metrics?.close()
  } finally {
    await running.close(GRACE_MS)
    line?.end()
  }
  log('info', 'stopped', await running.summary())
}

async function show(line: StatusLine, running: Running): Promise<void> {
  line.show(await running.status(), performance.now())
}

async function openMetrics(given: SeedArguments, running: Running, log: Log) {
  if (given.metricsPort === undefined) return undefined
  const registry = new Registry()
  running.register(registry)
  const [port, host] = [wholeNumber(given, 'metricsPort', PORTS), given.metricsHost]
  const metrics = await mended(() => serveMetrics({ port, host, registry, health: () => running.health() }))
  log('info', 'serving metrics', { url: `http://${host}:${metrics.port}/metrics` })
  return metrics
}

function levelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text)
  if (level === undefined) throw usage(`--log-level ${text} is none`, `use one of ${LOG_LEVELS.join(', ')}`)
  return level
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
