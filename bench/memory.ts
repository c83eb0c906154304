// Memory of the processes that host page and worker while a large file passes.
//
//   npm run bench memory -- [--size 2048] [--egress 400] [--reads 3] [--json]
//
// Size in MiB; egress in Mbit/s while our worker fetches a file that it does not have, so that it keeps all of it; what can
// be read more than once is read so many times, for most of what a page takes depends on when it collects its garbage.

import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { distFolder } from '../manifest-tool/package-files.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { type Client, type ClientKind, openClient } from './lib/clients.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, rateOf, Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const SAMPLE_MS = 200
const SETTLE_MS = 8_000
const TARGET_MIB = 64

/** Lets the page have the worker's garbage collected, so that idle memory is what is really in use. */
const COLLECTS_GARBAGE = "\naddEventListener('message', (event) => { if (event.data === 'bench:gc') gc() })\n"

const { json, numbers } = readArguments({ size: [2048], egress: [400], reads: [3] })
const size = only(numbers.size) * MiB
const egress = only(numbers.egress)
const reads = only(numbers.reads)

const report = new Report('memory', [
  `A file of ${size / MiB} MiB is read to the end by the page, all of it into the same 1 MiB of memory; memory without mapped files (Pss_Anon + Pss_Shmem), every ${SAMPLE_MS} ms.`,
  'blobs: a worker of 30 lines that has the file in IndexedDB and answers with one Blob, as our worker does.',
  'renderers: the processes that host page and worker. A fresh browser for each row; idle: before, after garbage collection.',
  'others: browser, network, storage and utility processes, for information.',
])

function withGarbageCollection(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url !== '/tributary-sw.js') return false
  response.setHeader('Content-Type', 'text/javascript')
  response.end(readFileSync(`${distFolder}tributary-sw.js`, 'utf8') + COLLECTS_GARBAGE)
  return true
}

async function openFresh(kind: ClientKind, site: Site, control: Control, cleanup: Cleanup): Promise<Client> {
  const prepare = withGarbageCollection
  const client = await openClient(kind, { site, control, cleanup, args: ['--js-flags=--expose-gc'], prepare })
  // Scripts are loaded and the network is known before memory counts as idle.
  await client.download('small.bin')
  return client
}

async function idle(client: Client): Promise<ReturnType<Client['browser']['resident']>> {
  await sleep(SETTLE_MS)
  await client.browser.page.call('collectGarbage')
  await sleep(1_000)
  return client.browser.resident()
}

type Memory = Awaited<ReturnType<typeof idle>>

interface Reading {
  readonly idle: Memory
  readonly peak: Memory
  readonly rate: number
}

async function read(client: Client): Promise<Reading> {
  const before = await idle(client)
  const peak = { ...before }
  const timer = setInterval(() => {
    const { renderers, others } = client.browser.resident()
    peak.renderers = Math.max(peak.renderers, renderers)
    peak.others = Math.max(peak.others, others)
  }, SAMPLE_MS)
  const download = await client.download('large.bin', { oneBuffer: true }).finally(() => clearInterval(timer))
  if (download.bytes !== size) throw new Error(`got ${download.bytes} of ${size} bytes`)
  return { idle: before, peak, rate: download.bytes / download.totalMs / 1000 }
}

/** @param times how often the file is read in the same way */
async function measure(row: string, client: Client, counts: boolean, times = 1): Promise<void> {
  progress(row)
  const all: Reading[] = []
  while (all.length < times) all.push(await read(client))
  const inMiB = (of: (reading: Reading) => number) => ({ values: all.map((reading) => of(reading) / MiB) })
  const above = inMiB(({ idle, peak }) => peak.renderers - idle.renderers)
  report.add({
    row,
    'renderers idle, MiB': inMiB(({ idle }) => idle.renderers),
    'peak, MiB': inMiB(({ peak }) => peak.renderers),
    'above idle, MiB': above,
    'others idle, MiB': inMiB(({ idle }) => idle.others),
    'their peak, MiB': inMiB(({ peak }) => peak.others),
    'MB/s': { values: all.map(({ rate }) => rate) },
  })
  const value = median(above.values)
  if (counts) report.target({ name: `memory above idle, ${row}`, value, atMost: TARGET_MIB, unit: 'MiB' })
}

async function measurePlain(site: Site, control: Control, kind: 'none' | 'blobs', megabits?: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const client = await openFresh(kind, site, control, cleanup)
    client.server.setEgress(rateOf(megabits))
    if (kind === 'blobs') await client.download('large.bin', { oneBuffer: true })
    const how = megabits === undefined ? 'unshaped' : `${megabits} Mbit/s`
    await measure(kind === 'none' ? `no worker, ${how}` : 'blobs', client, false, megabits === undefined ? reads : 1)
  })
}

async function measureOurs(site: Site, control: Control, megabits?: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const client = await openFresh('tributary', site, control, cleanup)
    client.server.setEgress(rateOf(megabits))
    await measure(`tributary uncached, ${megabits === undefined ? 'unshaped' : `${megabits} Mbit/s`}`, client, true)
    if (megabits === undefined) return
    client.server.setEgress(undefined)
    const before = client.originBytes('large.bin')
    await measure('tributary cached', client, true, reads)
    const fromOrigin = client.originBytes('large.bin') - before
    if (fromOrigin > 0) report.note(`tributary cached: ${(fromOrigin / MiB).toFixed(1)} MiB came from the origin`)
  })
}

await Cleanup.around(async (cleanup) => {
  const site = cleanup.add(
    await Site.make([
      { size, names: ['large.bin'] },
      { size: 4 * MiB, names: ['small.bin'] },
    ]),
    (made) => made.remove(),
  )
  const control = cleanup.add(await Control.open(), (open) => open.close())
  await measurePlain(site, control, 'none')
  await measurePlain(site, control, 'none', egress)
  await measureOurs(site, control)
  await measureOurs(site, control, egress)
  await measurePlain(site, control, 'blobs')
})
report.print(json)
