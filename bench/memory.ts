// Memory of the processes that host page and worker while a large file passes.
//
//   npm run bench memory -- [--size 2048] [--egress 400] [--json]
//
// Size in MiB; egress in Mbit/s while our worker fetches a file that it does not have, so that it keeps all of it.

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

const SAMPLE_MS = 200
const SETTLE_MS = 8_000
const TARGET_MIB = 64

/** Lets the page have the worker's garbage collected, so that idle memory is what is really in use. */
const COLLECTS_GARBAGE = "\naddEventListener('message', (event) => { if (event.data === 'bench:gc') gc() })\n"

const { json, numbers } = readArguments({ size: [2048], egress: [400] })
const size = only(numbers.size) * MiB
const egress = only(numbers.egress)

const report = new Report('memory', [
  `A file of ${size / MiB} MiB is read to the end by the page, all of it into the same 1 MiB of memory; memory without mapped files (Pss_Anon + Pss_Shmem), every ${SAMPLE_MS} ms.`,
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

async function measure(row: string, client: Client, counts: boolean): Promise<void> {
  const before = await idle(client)
  const peak = { ...before }
  const timer = setInterval(() => {
    const { renderers, others } = client.browser.resident()
    peak.renderers = Math.max(peak.renderers, renderers)
    peak.others = Math.max(peak.others, others)
  }, SAMPLE_MS)
  const download = await client.download('large.bin', { oneBuffer: true }).finally(() => clearInterval(timer))
  if (download.bytes !== size) throw new Error(`${row}: got ${download.bytes} of ${size} bytes`)
  const above = (peak.renderers - before.renderers) / MiB
  report.add({
    row,
    'renderers idle, MiB': (before.renderers / MiB).toFixed(0),
    'peak, MiB': (peak.renderers / MiB).toFixed(0),
    'above idle, MiB': above.toFixed(0),
    'others idle, MiB': (before.others / MiB).toFixed(0),
    'their peak, MiB': (peak.others / MiB).toFixed(0),
    'MB/s': (download.bytes / download.totalMs / 1000).toFixed(0),
  })
  if (counts) report.target({ name: `memory above idle, ${row}`, value: above, atMost: TARGET_MIB, unit: 'MiB' })
}

async function measureAll(site: Site, control: Control): Promise<void> {
  const plans = [
    { row: 'no worker, unshaped', kind: 'none', megabits: undefined },
    { row: `no worker, ${egress} Mbit/s`, kind: 'none', megabits: egress },
    { row: 'tributary uncached, unshaped', kind: 'tributary', megabits: undefined },
    { row: `tributary uncached, ${egress} Mbit/s`, kind: 'tributary', megabits: egress },
  ] as const
  for (const { row, kind, megabits } of plans) {
    await Cleanup.around(async (cleanup) => {
      progress(row)
      const client = await openFresh(kind, site, control, cleanup)
      client.server.setEgress(rateOf(megabits))
      await measure(row, client, kind === 'tributary')
      if (kind !== 'tributary' || megabits === undefined) return
      client.server.setEgress(undefined)
      const before = client.originBytes('large.bin')
      await measure('tributary cached', client, true)
      const fromOrigin = client.originBytes('large.bin') - before
      if (fromOrigin > 0) report.note(`tributary cached: ${(fromOrigin / MiB).toFixed(1)} MiB came from the origin`)
    })
  }
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
  await measureAll(site, control)
})
report.print(json)
