// A seeder of a large site: how soon it serves once the manifest is there, and its memory with peers connected.
//
//   npm run bench seeder-large -- [--files 10000] [--chunks 105] [--peers 50] [--json]
//
// Chunks of 1 MiB in each file. The files are sparse: they need no space.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startServer } from '../manifest-tool/serve/start-server.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { writeLargeSite } from './lib/large-site.ts'
import { residentBytesBelow } from './lib/processes.ts'
import { Report } from './lib/report.ts'
import { Role } from './lib/role.ts'
import { MiB } from './lib/site.ts'

const { json, numbers } = readArguments({ files: [10_000], chunks: [105], peers: [50] })
const [files, chunks, peers] = [only(numbers.files), only(numbers.chunks), only(numbers.peers)]
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

const report = new Report('seeder-large', [
  `\`tributary seed\` on ${files} files, ${((files * chunks) / 2 ** 20).toFixed(2)} TiB, from the start of the process until all is offered; then`,
  `${peers} peers in as many swarms fetch everything at the same time. Memory: anonymous and shared, the highest of all samples.`,
])

/** Milliseconds until the process has logged this. */
async function untilLogged(child: ChildProcess, wanted: string): Promise<number> {
  const started = performance.now()
  if (child.stdout === null) throw new Error('the output is not piped')
  for await (const line of createInterface(child.stdout)) {
    const { message, level } = JSON.parse(line)
    if (level === 'error') throw new Error(message)
    if (message === wanted) return performance.now() - started
  }
  throw new Error(`the seeder has ended without: ${wanted}`)
}

await Cleanup.around(async (cleanup) => {
  const dir = cleanup.add(await mkdtemp(join(tmpdir(), 'tributary-bench-')), (made) => rm(made, { recursive: true }))
  progress('writing the site')
  await writeLargeSite(dir, files, chunks)
  const server = cleanup.add(await startServer({ dir }), (running) => running.close())
  const seed = spawn(process.execPath, [cli, 'seed', dir, '--origin', server.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cleanup.add(seed, async (child) => {
    const ended = once(child, 'exit')
    if (child.kill('SIGKILL')) await ended
  })
  const readyMs = await untilLogged(seed, 'serving the manifest')
  seed.stdout?.resume()
  let highest = 0
  const sample = () => {
    highest = Math.max(highest, residentBytesBelow(seed.pid ?? 0))
  }
  sample()
  const alone = highest
  const timer = setInterval(sample, 100)
  cleanup.add(timer, clearInterval)
  progress('peers')
  const visitors = cleanup.add(new Role(new URL('lib/edge-roles.ts', import.meta.url)), (made) => made.end())
  await visitors.call('join', `${server.url}\n${peers}\n${peers}`)
  sample()
  const connected = residentBytesBelow(seed.pid ?? 0)
  progress('transfers')
  const ms = await visitors.number('fetch')
  sample()
  const row = (what: string, value: number, unit: string, digits = 0) =>
    report.add({ what, value: { values: [value], digits }, unit })
  row('until it serves', readyMs / 1000, 's', 1)
  row('memory without peers', alone / MiB, 'MiB')
  row(`memory with ${peers} peers`, connected / MiB, 'MiB')
  row('memory at most, while all fetch', highest / MiB, 'MiB')
  row('all peers together', (peers * chunks * MiB) / ms / 1000, 'MB/s')
  report.target({ name: 'ready', value: readyMs / 1000, atMost: 5, unit: 's' })
  report.target({ name: 'memory', value: highest / MiB, atMost: 300, unit: 'MiB' })
})
report.print(json)
