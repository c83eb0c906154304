// An edge and a seeder, each against the plainest way to move the same bytes with the same Node.
//
//   npm run bench edge -- [http] [store] [links] [--size 64] [--rounds 5] [--peers 20] [--json]
//
// Size in MiB. One link moves half of it, several move twice as much together. Without a word, all parts run.

import { mkdtemp, open, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../manifest-tool/cli.ts'
import { startServer } from '../manifest-tool/serve/start-server.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { openLevelDb } from '../store/leveldb.ts'
import { madeUp } from '../test/harness/site.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { processorSeconds } from './lib/processes.ts'
import { Report } from './lib/report.ts'
import { Role } from './lib/role.ts'
import { MiB } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const FILE = 'file.bin'
const CHUNK = 1 * MiB
const RUN = 4

const { json, numbers, words } = readArguments({ size: [64], rounds: [5], peers: [20] })
const size = only(numbers.size) * MiB
const peers = only(numbers.peers)
/** Bytes for each of so many peers. */
const linkSizeOf = (count: number) => (count === 1 ? size / 2 : Math.max(1, Math.round((2 * size) / MiB / count)) * MiB)

const report = new Report('edge', [
  'http: a file that an edge has stored, against fs.createReadStream piped to a response; two clients in another process.',
  `store: chunks of 1 MiB, four at a time, into the store of an edge, against the same writes to one file; ${(2 * size) / MiB} MiB.`,
  'link: chunks that a seeder reads from a file and verifies, to a peer that verifies them too, against simple-peer over',
  `@roamhq/wrtc moving zeros in messages of 64 KiB; then to ${peers} peers in one process. In turn within each round.`,
])

const samples = new Map<string, number[]>()
const add = (name: string, rate: number) => samples.set(name, [...(samples.get(name) ?? []), rate])
const of = (name: string) => samples.get(name) ?? []

/** Reads the file so many times, two at once. @returns MB/s */
async function download(port: number, times: number): Promise<number> {
  const one = () =>
    new Promise<number>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: `/${FILE}` }, (response) => {
        let bytes = 0
        response.on('data', (part: Buffer) => {
          bytes += part.length
        })
        response.on('end', () => resolve(bytes))
        response.on('error', reject)
      }).on('error', reject)
    })
  const started = performance.now()
  for (let i = 0; i < times; i++)
    for (const bytes of await Promise.all([one(), one()])) if (bytes !== size) throw new Error(`${bytes} bytes`)
  return (2 * times * size) / (performance.now() - started) / 1000
}

async function writeToStore(folder: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<number> {
  const store = await openLevelDb(folder)
  const started = performance.now()
  for (let at = 0; at < chunks.length; at += RUN)
    await store.write('a'.repeat(40) as InfoHash, at as ChunkIndex, chunks.slice(at, at + RUN))
  const ms = performance.now() - started
  await store.close()
  await rm(folder, { recursive: true })
  return (chunks.length * CHUNK) / ms / 1000
}

async function writeToFile(path: string, chunks: readonly Uint8Array[]): Promise<number> {
  const file = await open(path, 'w')
  const started = performance.now()
  for (let at = 0; at < chunks.length; at += RUN) await file.writev(chunks.slice(at, at + RUN))
  const ms = performance.now() - started
  await file.close()
  await rm(path)
  return (chunks.length * CHUNK) / ms / 1000
}

/** One transfer between two processes. */
interface Transfer {
  readonly roles: readonly Role[]
  /** @returns milliseconds */
  readonly run: () => Promise<number>
}

/** Zeros over so many connections between two processes. */
async function overPipes(count: number, cleanup: Cleanup): Promise<Transfer> {
  const linkSize = linkSizeOf(count)
  const [from, to] = [role(cleanup), role(cleanup)]
  for (let i = 0; i < count; i++) await from.call('accept', await to.text('pipe', await from.text('pipe', '')))
  const run = async () => (await Promise.all([to.number('take', count * linkSize), from.call('pour', linkSize)]))[0]
  return { roles: [from, to], run }
}

function role(cleanup: Cleanup): Role {
  return cleanup.add(new Role(new URL('lib/edge-roles.ts', import.meta.url)), (made) => made.end())
}

async function openSite(cleanup: Cleanup, bytes: number) {
  const dir = cleanup.add(await mkdtemp(join(tmpdir(), 'tributary-bench-')), (made) => rm(made, { recursive: true }))
  const file = await open(join(dir, FILE), 'w')
  await file.writeFile(madeUp(FILE, bytes))
  await file.close()
  const io = { stdout: process.stderr, stderr: process.stderr, signal: new AbortController().signal }
  if ((await run(['manifest', dir, '--chunk-size', '1MiB'], io)) !== 0) throw new Error('there is no manifest')
  const server = cleanup.add(await startServer({ dir }), (running) => running.close())
  return { dir, url: server.url }
}

/** A seeder, and so many peers. */
async function overMesh(count: number, cleanup: Cleanup): Promise<Transfer> {
  const site = await openSite(cleanup, linkSizeOf(count))
  const [from, to] = [role(cleanup), role(cleanup)]
  // A tracker for each: so whom they meet is the seeder, and not one another.
  const trackers: string[] = []
  for (let i = 0; i < count; i++) {
    const server = cleanup.add(await startServer({ dir: site.dir }), (running) => running.close())
    trackers.push(`${server.url.replace('http', 'ws')}announce`)
  }
  await from.call('seeder', `${site.dir}\n${site.url}\n${trackers.join(' ')}`)
  await to.call('join', `${site.url}\n${count}\n1\n${trackers.join(' ')}`)
  return {
    roles: [from, to],
    run: async () => {
      const ms = await to.number('fetch')
      add(`evenness of ${count}`, await to.number('evenness'))
      return ms
    },
  }
}

async function benchHttp(rounds: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const site = await openSite(cleanup, size)
    const [plain, edge] = [role(cleanup), role(cleanup)]
    const plainPort = await plain.number('static', join(site.dir, FILE))
    const edgePort = await edge.number('edge', site.url)
    cleanup.add(join(tmpdir(), `tributary-bench-edge-${edge.pid}`), (folder) =>
      rm(folder, { recursive: true, force: true }),
    )
    // Twice: what is read for the first time after it was written is verified once more.
    for (const port of [plainPort, edgePort, edgePort]) await download(port, 1)
    for (let round = 1; round <= rounds; round++) {
      add('http, createReadStream', await download(plainPort, 3))
      add('http, edge', await download(edgePort, 3))
    }
  })
}

async function benchStore(rounds: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const dir = cleanup.add(await mkdtemp(join(tmpdir(), 'tributary-bench-')), (made) => rm(made, { recursive: true }))
    const bytes = new Uint8Array(madeUp(FILE, size))
    const once = Array.from({ length: size / CHUNK }, (_, i) => bytes.subarray(i * CHUNK, (i + 1) * CHUNK))
    const chunks = [...once, ...once]
    // The first round only warms up. Short as they are, many tell more than few.
    for (let round = 0; round <= 3 * rounds; round++) {
      const rates = [await writeToFile(join(dir, 'plain'), chunks), await writeToStore(join(dir, 'store'), chunks)]
      if (round > 0) for (const [i, name] of ['store, one file', 'store, edge'].entries()) add(name, rates[i] ?? 0)
    }
  })
}

async function benchLink(count: number, rounds: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const pipe = await overPipes(count, cleanup)
    const mesh = await overMesh(count, cleanup)
    for (let round = 1; round <= rounds; round++) {
      await time(`link to ${count}, simple-peer`, pipe, count * linkSizeOf(count))
      await time(`link to ${count}, seeder`, mesh, count * linkSizeOf(count))
    }
  })
}

/** The processor's time tells more than the clock where other work goes on. */
async function time(name: string, { roles, run }: Transfer, bytes: number): Promise<void> {
  const used = () => roles.reduce((sum, { pid }) => sum + processorSeconds(pid), 0)
  const before = used()
  add(name, bytes / (await run()) / 1000)
  add(`${name}, s/GB`, ((used() - before) * 1e9) / bytes)
}

function compare(name: string, ours: string, bare: string, atLeast: number | undefined): void {
  const ratio = median(of(ours)) / median(of(bare))
  for (const what of [bare, ours])
    report.add({
      what,
      'MB/s': { values: of(what) },
      ratio: what === ours ? ratio.toFixed(2) : '',
      'processor s/GB': { values: of(`${what}, s/GB`), digits: 1 },
    })
  if (atLeast !== undefined) report.target({ name, value: ratio, atLeast, unit: 'x' })
}

function compareLinks(): void {
  compare('a seeder and a peer against bare simple-peer', 'link to 1, seeder', 'link to 1, simple-peer', 0.85)
  compare('', `link to ${peers}, seeder`, `link to ${peers}, simple-peer`, undefined)
  const total = median(of(`link to ${peers}, seeder`)) / median(of('link to 1, seeder'))
  report.target({ name: `all to ${peers} peers against all to one`, value: total, atLeast: 0.8, unit: 'x' })
  const evenness = median(of(`evenness of ${peers}`))
  report.target({ name: 'what the slowest has once the quickest is done', value: evenness, atLeast: 0.5, unit: 'x' })
}

const rounds = only(numbers.rounds)
const isWanted = (part: string) => words.length === 0 || words.includes(part)
if (isWanted('http')) {
  progress('http')
  await benchHttp(rounds)
  compare('a cache hit of an edge against static serving', 'http, edge', 'http, createReadStream', 0.5)
}
if (isWanted('store')) {
  progress('store')
  await benchStore(rounds)
  compare('the store of an edge against one file written in order', 'store, edge', 'store, one file', 0.5)
}
if (isWanted('links')) {
  for (const count of [1, peers]) {
    progress(`link to ${count}`)
    await benchLink(count, rounds)
  }
  compareLinks()
}
report.print(json)
