// What a file costs that is not in the cache yet: first byte and throughput through our worker, through a worker that
// only passes requests on, and without a worker.
//
//   npm run bench sw-uncached -- [--egress 0,100,400,1000] [--sizes 4,64,256] [--rounds 5] [--json]
//
// Egress in Mbit/s, 0 for unshaped; sizes in MiB. Shaped rounds are fewer, for they take longer and vary less.

import { setTimeout as sleep } from 'node:timers/promises'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { CLIENTS, type Client, openClient } from './lib/clients.ts'
import type { Download } from './lib/commands.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, namesOf, rateOf, Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

/** A file whose transfer at the shaped rate takes longer than this adds nothing but time. */
const LONGEST_MS = 12_000
const MOST_SHAPED_ROUNDS = 3
/** First bytes vary more than throughput does. */
const FIRST_BYTE_ROUNDS = 31
/** Writing to the store goes on for a moment after a download. */
const SETTLE_MS = 1_000

const { json, numbers } = readArguments({ egress: [0, 100, 400, 1000], sizes: [4, 64, 256], rounds: [5] })

const report = new Report('sw-uncached', [
  'fetch() of files that no cache has, read to the end and dropped by the page.',
  'none: no service worker; pass: a worker that only does respondWith(fetch(request)); tributary: ours, mesh on, no peers.',
  'Fresh browsers for each egress; clients in turn within each round; each round another file.',
])

function firstByteRow(egress: string, results: ReadonlyMap<Client, Download[]>): void {
  const values = (kind: Client['kind']) =>
    [...results].flatMap(([client, all]) => (client.kind === kind ? all.map(({ firstByteMs }) => firstByteMs) : []))
  report.add({
    egress,
    file: 'first byte, ms',
    none: { values: values('none'), digits: 1 },
    pass: { values: values('pass'), digits: 1 },
    tributary: { values: values('tributary'), digits: 1 },
  })
  report.target({
    name: `first byte, egress ${egress}`,
    value: median(values('tributary')),
    atMost: 1.1 * median(values('none')) + 5,
    unit: 'ms',
  })
}

interface Throughput {
  readonly egress: string
  readonly file: string
  readonly size: number
  readonly rates: ReadonlyMap<Client['kind'], number[]>
  readonly originBytes: readonly number[]
  readonly stored: number
}

function throughputRow({ egress, file, size, rates, originBytes, stored }: Throughput): void {
  const of = (kind: Client['kind']) => rates.get(kind) ?? []
  const [none, pass, ours] = [median(of('none')), median(of('pass')), median(of('tributary'))]
  report.add({
    egress,
    file,
    none: { values: of('none') },
    pass: { values: of('pass') },
    tributary: { values: of('tributary') },
    '/ none': (ours / none).toFixed(2),
    '/ pass': (ours / pass).toFixed(2),
    'origin bytes / file': { values: originBytes.map((bytes) => bytes / size), digits: 3 },
    stored: stored.toFixed(2),
  })
}

async function inTurn(clients: readonly Client[], names: readonly string[], firstByteOnly: boolean) {
  const results = new Map<Client, Download[]>(clients.map((client) => [client, []]))
  for (const name of names) {
    for (const client of clients) {
      results.get(client)?.push(await client.download(name, { firstByteOnly }))
      await sleep(firstByteOnly ? 50 : SETTLE_MS)
    }
  }
  return results
}

async function measureSize(
  clients: readonly Client[],
  egress: string,
  file: string,
  names: readonly string[],
  size: number,
) {
  const ours = clients.find(({ kind }) => kind === 'tributary')
  if (!ours) throw new Error('our client is missing')
  const before = await ours.browser.page.call('storedBytes')
  const results = await inTurn(clients, names, false)
  for (const [{ kind }, downloads] of results)
    for (const { bytes } of downloads) if (bytes !== size) throw new Error(`${kind} got ${bytes} of ${size} bytes`)
  const rates = new Map(
    [...results].map(([client, downloads]) => [
      client.kind,
      downloads.map(({ bytes, totalMs }) => bytes / totalMs / 1000),
    ]),
  )
  const stored = ((await ours.browser.page.call('storedBytes')) - before) / (size * names.length)
  const originBytes = names.map((name) => ours.originBytes(name))
  throughputRow({ egress, file, size, rates, originBytes, stored })
  return rates
}

async function measureEgress(site: Site, control: Control, megabits: number): Promise<void> {
  await Cleanup.around(async (cleanup) => {
    const egress = megabits === 0 ? 'unshaped' : `${megabits} Mbit/s`
    const clients: Client[] = []
    for (const kind of CLIENTS) clients.push(await openClient(kind, { site, control, cleanup }))
    // The network's and the workers' own beginnings are not what is measured.
    await inTurn(clients, ['start-0.bin', 'start-1.bin'], false)
    for (const client of clients) client.server.setEgress(rateOf(megabits || undefined))
    progress(`${egress}: first bytes`)
    firstByteRow(egress, await inTurn(clients, namesOf(`first-${megabits}`, FIRST_BYTE_ROUNDS), true))
    progress(`${egress}: first large download`)
    const first = firstSize(megabits)
    await measureSize(
      clients,
      egress,
      `${first} MiB, the first large one`,
      [`${first}-${megabits}-first.bin`],
      first * MiB,
    )
    for (const size of sizesFor(megabits)) {
      progress(`${egress}: ${size} MiB`)
      const names = namesOf(`${size}-${megabits}`, roundsFor(megabits))
      const rates = await measureSize(clients, egress, `${size} MiB, MB/s`, names, size * MiB)
      report.target({
        name: `throughput against the pass-through worker, egress ${egress}, ${size} MiB`,
        value: median(rates.get('tributary') ?? []) / median(rates.get('pass') ?? []),
        atLeast: 0.9,
        unit: 'x',
      })
    }
  })
}

function sizesFor(megabits: number): number[] {
  return numbers.sizes.filter((size) => megabits === 0 || (size * MiB * 8) / (megabits * 1000) <= LONGEST_MS)
}

function firstSize(megabits: number): number {
  return Math.max(...sizesFor(megabits))
}

function roundsFor(megabits: number): number {
  const rounds = only(numbers.rounds)
  return megabits === 0 ? rounds : Math.min(rounds, MOST_SHAPED_ROUNDS)
}

await Cleanup.around(async (cleanup) => {
  const files = numbers.sizes.map((size) => ({
    size: size * MiB,
    names: numbers.egress.flatMap((megabits) => [
      ...namesOf(`${size}-${megabits}`, roundsFor(megabits)),
      `${size}-${megabits}-first.bin`,
    ]),
  }))
  const firsts = numbers.egress.flatMap((megabits) => namesOf(`first-${megabits}`, FIRST_BYTE_ROUNDS))
  progress('making files')
  const site = cleanup.add(
    await Site.make([...files, { size: 2 * MiB, names: firsts }, { size: 3 * MiB, names: namesOf('start', 2) }]),
    (made) => made.remove(),
  )
  const control = cleanup.add(await Control.open(), (open) => open.close())
  for (const megabits of numbers.egress) await measureEgress(site, control, megabits)
})
report.print(json)
