// How fast `tributary manifest` hashes a large file that is in the system's cache, against node:crypto on as many
// threads, counting SHA-1 and SHA-256 as two passes.
//
//   npm run bench manifest -- [--size 4] [--rounds 3] [--json]
//
// Size in GiB.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Report } from './lib/report.ts'
import { median } from './lib/statistics.ts'

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
const { json, numbers } = readArguments({ size: [4], rounds: [3] })
const bytes = only(numbers.size) * 2 ** 30
const threads = availableParallelism()

const report = new Report('manifest', [
  `\`tributary manifest\` on a file of ${bytes / 2 ** 30} GiB in the system's cache, from its start to its exit, SHA-1 and SHA-256.`,
  `node:crypto: both hashes one after the other over the same file, in ${threads} threads. In turn within each round.`,
])

/** Each thread reads its part of the file and hashes it twice, 1 MiB at a time. */
const BASELINE = `
  const { parentPort, workerData: { path, start, end } } = require('node:worker_threads')
  const { createHash } = require('node:crypto')
  const { openSync, readSync } = require('node:fs')
  const file = openSync(path, 'r')
  const buffer = Buffer.allocUnsafe(2 ** 20)
  const hashes = [createHash('sha1'), createHash('sha256')]
  for (const hash of hashes) {
    for (let at = start; at < end; ) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, end - at), at)
      hash.update(buffer.subarray(0, read))
      at += read
    }
  }
  parentPort.postMessage(hashes.map((hash) => hash.digest('hex')))
`

async function baselineSeconds(path: string): Promise<number> {
  const started = performance.now()
  const part = Math.ceil(bytes / threads)
  const runs = Array.from({ length: threads }, (_, i) => {
    const workerData = { path, start: i * part, end: Math.min((i + 1) * part, bytes) }
    return new Promise((resolve, reject) => {
      const worker = new Worker(BASELINE, { eval: true, workerData })
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  })
  await Promise.all(runs)
  return (performance.now() - started) / 1000
}

/** The whole command, from start to exit, with its largest resident size in MiB. */
async function commandRun(dir: string): Promise<{ seconds: number; peakMiB: number }> {
  await rm(join(dir, 'chunks'), { recursive: true, force: true })
  const started = performance.now()
  const child = spawn(process.execPath, [CLI, 'manifest', dir], { stdio: 'ignore' })
  let peakMiB = 0
  const watch = setInterval(async () => {
    peakMiB = Math.max(peakMiB, await residentMiB(child.pid ?? 0))
  }, 50)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`the command failed with exit code ${code}`)
  return { seconds: (performance.now() - started) / 1000, peakMiB }
}

/** Linux alone tells; elsewhere 0. */
async function residentMiB(pid: number): Promise<number> {
  const status = await open(`/proc/${pid}/status`).catch(() => undefined)
  const text = (await status?.readFile('utf8').catch(() => '')) ?? ''
  await status?.close()
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024
}

async function writeFile(path: string): Promise<void> {
  const file = await open(path, 'w')
  const block = Buffer.alloc(2 ** 24)
  for (let i = 0; i * block.length < bytes; i++) {
    for (let word = 0; word < block.length; word += 4096) block.writeUInt32LE(i * 4096 + word / 4096, word)
    await file.write(block)
  }
  await file.close()
}

if (!existsSync(CLI)) throw new Error('run npm run build first')
const dir = await mkdtemp(join(tmpdir(), 'tributary-bench-'))
try {
  const path = join(dir, 'large.bin')
  await writeFile(path)
  const hashed = { baseline: [] as number[], command: [] as number[], peakMiB: [] as number[] }
  for (let round = 1; round <= only(numbers.rounds); round++) {
    progress(`round ${round}`)
    hashed.baseline.push((2 * bytes) / (await baselineSeconds(path)) / 1e6)
    const { seconds, peakMiB } = await commandRun(dir)
    hashed.command.push((2 * bytes) / seconds / 1e6)
    hashed.peakMiB.push(peakMiB)
  }
  const ratio = median(hashed.command) / median(hashed.baseline)
  report.add({ '': 'node:crypto', 'MB/s, both passes': { values: hashed.baseline } })
  report.add({
    '': 'tributary manifest',
    'MB/s, both passes': { values: hashed.command },
    ratio: ratio.toFixed(2),
    'largest, MiB': { values: hashed.peakMiB },
  })
  report.target({ name: 'hashing against node:crypto', value: ratio, atLeast: 0.8, unit: 'x' })
} finally {
  await rm(dir, { recursive: true, force: true })
}
report.print(json)
