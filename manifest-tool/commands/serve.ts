import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { usage } from '../failure.ts'
import { type Io, printLine } from '../io.ts'
import { addManifestOptions, type ManifestArguments, manifestOptions } from '../manifest-options.ts'
import { ReadingProgress } from '../progress.ts'
import { counted, parseRate } from '../quantity.ts'
import { seedBeside } from '../serve/seed-beside.ts'
import { startServer } from '../serve/start-server.ts'

interface Arguments extends ManifestArguments {
  readonly port: string
  readonly host: string
  readonly egress?: string
  readonly inject: boolean
  readonly seed: boolean
  readonly json?: boolean
}

/** How long responses on their way may take when the server is told to stop. */
const GRACE_MS = 1_000

export function addServeCommand(program: Command, io: Io): void {
  const command = program
    .command('serve')
    .summary('serve a site with everything that Tributary needs')
    .description(
      'Serves <dir> with ranges, the tracker at /announce, the scripts and their tag, and a manifest made on the fly ' +
        'where the site has none. GET /tributary/metrics counts what the origin sent. Writes nothing into <dir>.',
    )
    .argument('<dir>', 'root of the site')
    .option('--port <n>', '0 means any free one', '8080')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--egress <rate>', "the origin's total uplink, such as 32Mbit")
    .option('--no-seed', 'do not take part in the swarms')
    .option('--no-inject', 'leave the pages as they are')
    .option('--json', 'print the URL as JSON')
  addManifestOptions(command).action((dir: string, given: Arguments) => serveSite(dir, given, io))
}

async function serveSite(dir: string, given: Arguments, io: Io): Promise<void> {
  const port = Number(given.port)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw usage(`--port ${given.port} is not a port`, 'use a number from 0 to 65535')
  const progress = new ReadingProgress(io)
  const cacheFolder = await makeCacheFolder(dir)
  const server = await startServer({
    dir,
    port,
    host: given.host,
    inject: given.inject,
    ...(given.egress !== undefined && { egress: parseRate(given.egress) }),
    manifest: manifestOptions(given),
    ...(cacheFolder !== undefined && { cacheFolder }),
    progress,
    onManifest: (files, warnings) => {
      progress.stop()
      for (const warning of warnings) printLine(io.stderr, `warning: ${warning}`)
      printLine(io.stderr, `manifest of ${counted(files, 'file')} made`)
    },
    onError: (error) => printLine(io.stderr, `warning: ${error instanceof Error ? error.message : String(error)}`),
  })
  // One line, for scripts that wait for it while the server runs.
  if (given.json) printLine(io.stdout, JSON.stringify({ url: server.url, port: server.port }))
  else printLine(io.stdout, `serving ${dir} at ${server.url}`)
  const seeder = given.seed ? seedBeside(server, io) : undefined
  if (!io.signal.aborted) await once(io.signal, 'abort')
  progress.stop()
  await (await seeder)?.close(GRACE_MS)
  await server.close(GRACE_MS)
}

/** A folder of our own a site, so that its hashes are known at the next start; undefined where there can be none. */
async function makeCacheFolder(dir: string): Promise<string | undefined> {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const site = await realpath(dir).catch(() => dir)
  const folder = join(base, 'tributary', createHash('sha256').update(site).digest('hex').slice(0, 32))
  return mkdir(folder, { recursive: true }).then(
    () => folder,
    () => undefined,
  )
}
