import { once } from 'node:events'
import { SeederError } from '../../seeder/errors.ts'
import { atLeast, type Log, textOfLog } from '../../seeder/log.ts'
import { registerSeederMetrics } from '../../seeder/metrics.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { Seeder } from '../../seeder/seeder.ts'
import { type Io, printLine } from '../io.ts'
import type { RunningServer } from './start-server.ts'

/**
 * Starts a seeder for a served site as soon as that has a manifest, and counts it among the server's metrics.
 * @returns undefined when the server stops before, or when there can be no seeder; the reason is printed
 */
export async function seedBeside(server: RunningServer, io: Io): Promise<Seeder | undefined> {
  const { manifestReady, manifestFolders, metrics, root } = server
  const log: Log = atLeast('warn', (level, message, fields) => printLine(io.stderr, textOfLog(level, message, fields)))
  if (!io.signal.aborted) await Promise.race([manifestReady.catch(() => undefined), once(io.signal, 'abort')])
  if (io.signal.aborted) return undefined
  try {
    const makeTransport = await loadNodeTransport()
    const seeder = await Seeder.start({
      root,
      manifestFolders,
      announce: [],
      origin: nearUrl(server),
      makeTransport,
      log,
    })
    registerSeederMetrics(metrics.registry, () => seeder.stats())
    return seeder
  } catch (error) {
    if (!(error instanceof SeederError)) throw error
    log('warn', `no seeder: ${error.message} - ${error.mend}`)
    return undefined
  }
}

/** The server as this machine reaches it: the address that stands for all addresses is none to connect to. */
function nearUrl({ url }: RunningServer): string {
  const near = new URL(url)
  if (near.hostname === '0.0.0.0') near.hostname = '127.0.0.1'
  if (near.hostname === '[::]') near.hostname = '[::1]'
  return near.href
}
