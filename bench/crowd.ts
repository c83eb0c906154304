// Many visitors of one file behind a slow origin: plain HTTP, Tributary, and WebTorrent with a web seed.
//
//   npm run bench crowd -- [--visitors 1,4,8] [--file 16] [--egress 16] [--stagger 0,500] [--rounds 1] [--json] [client]...
//
// File in MiB, egress in Mbit/s in total, stagger in ms between visitors. Clients: plain, tributary, webtorrent,
// webtorrent-tuned.

import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningServer } from '../manifest-tool/serve/start-server.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Browser } from './lib/browser.ts'
import { Cleanup } from './lib/cleanup.ts'
import type { Download, WorkerBytes } from './lib/commands.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, rateOf, Site } from './lib/site.ts'
import { writeTorrent } from './lib/torrent.ts'

const FILE = 'file.bin'
const TORRENT = 'file.torrent'
/** What WebTorrent does best with; by itself it takes much smaller pieces for a file of this size. */
const TUNED_PIECE = 256 * 1024

const CLIENTS = ['plain', 'tributary', 'webtorrent', 'webtorrent-tuned'] as const
type CrowdClient = (typeof CLIENTS)[number]

const { json, numbers, words } = readArguments({
  visitors: [1, 4, 8],
  file: [16],
  egress: [16],
  stagger: [0, 500],
  rounds: [1],
})
const unknown = words.filter((word) => !CLIENTS.some((client) => client === word))
if (unknown.length > 0)
  throw new RangeError(`no client is called ${unknown.join(', ')}: there are ${CLIENTS.join(', ')}`)
const clients = CLIENTS.filter((client) => words.length === 0 || words.includes(client))
const size = only(numbers.file) * MiB
const egress = rateOf(only(numbers.egress)) ?? 0
/** The file over the whole uplink, once: nobody can be faster who gets it from the origin alone. */
const leastMs = (size / egress) * 1000

const report = new Report('crowd', [
  `A file of ${size / MiB} MiB behind an origin with ${only(numbers.egress)} Mbit/s in total: once through takes ${(leastMs / 1000).toFixed(1)} s.`,
  'Each visitor is a Chromium process with a fresh profile, on one machine; nothing but the origin is shaped.',
  'webtorrent: 2.x with a web seed and our tracker, as it comes; tuned: 256 KiB pieces, rarest first, in memory.',
  'origin: bytes sent of the file / its size. slowest: of the visitors, from its own start, / once through.',
  'from peers: bytes that tributary had from peers, in all, / file size; connected: peers of each visitor at its end.',
  'first byte: in the hands of the page; for webtorrent, the first whole piece. CPU: of all browsers, from start to end.',
])

interface Crowd {
  readonly client: CrowdClient
  readonly visitors: number
  readonly staggerMs: number
}

interface Outcome {
  readonly downloads: readonly Download[]
  readonly originBytes: number
  readonly processorSeconds: number
  /** What our workers say: bytes that came from peers, and the connections each had at the end. */
  readonly fromPeers: number
  readonly connected: readonly number[]
}

async function run({ client, visitors, staggerMs }: Crowd, site: Site, control: Control): Promise<Outcome> {
  return await Cleanup.around(async (cleanup) => {
    const server = cleanup.add(await site.serve(client === 'tributary'), (running) => running.close())
    const isTorrent = client === 'webtorrent' || client === 'webtorrent-tuned'
    if (isTorrent) await prepareTorrent(client, site, server)
    const page = `${server.url}${isTorrent ? 'webtorrent' : 'downloads'}.html`
    const browsers: Browser[] = []
    for (let i = 0; i < visitors; i++) {
      const name = `${client}-${server.port}-${i}`
      browsers.push(cleanup.add(await Browser.open({ control, name, page }), (browser) => browser.close()))
      // One after the other: starting all at once would take the machine longer.
      await browsers.at(-1)?.page.call('ready')
    }
    server.setEgress(egress)
    const secondsBefore = sumOf(browsers, ({ seconds }) => seconds)
    const downloads = await Promise.all(
      browsers.map(async (browser, i) => {
        await sleep(i * staggerMs)
        return isTorrent
          ? await browser.page.call('torrent', { torrent: TORRENT, tuned: client === 'webtorrent-tuned' })
          : await browser.page.call('download', { url: `${server.url}${FILE}` })
      }),
    )
    for (const { bytes } of downloads) if (bytes !== size) throw new Error(`${client}: got ${bytes} of ${size} bytes`)
    const counted = client === 'tributary' ? await countedBy(browsers) : []
    return {
      downloads,
      fromPeers: sumOf(counted, ({ peers }) => peers),
      connected: counted.map(({ connected }) => connected),
      originBytes: server.metrics.bytesOf(`/${FILE}`),
      processorSeconds: sumOf(browsers, ({ seconds }) => seconds) - secondsBefore,
    }
  })
}

async function prepareTorrent(client: CrowdClient, site: Site, server: RunningServer): Promise<void> {
  await writeTorrent({
    dir: site.dir,
    file: FILE,
    torrent: TORRENT,
    origin: server.url,
    ...(client === 'webtorrent-tuned' && { pieceLength: TUNED_PIECE }),
  })
}

function countedBy(browsers: readonly Browser[]): Promise<WorkerBytes[]> {
  return Promise.all(browsers.map((browser) => browser.page.call('workerBytes')))
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}

function addRow({ client, visitors, staggerMs }: Crowd, outcomes: readonly Outcome[]): void {
  const each = (value: (outcome: Outcome) => number) => outcomes.map(value)
  const downloads = outcomes.flatMap((outcome) => outcome.downloads)
  report.add({
    visitors: String(visitors),
    start: staggerMs === 0 ? 'at once' : `${staggerMs} ms apart`,
    client,
    'origin, x': { values: each(({ originBytes }) => originBytes / size), digits: 2 },
    'slowest, x': { values: each((outcome) => slowestMs(outcome) / leastMs), digits: 2 },
    'finish, s': { values: downloads.map(({ totalMs }) => totalMs / 1000), digits: 1 },
    'first byte, s': { values: downloads.map(({ firstByteMs }) => firstByteMs / 1000), digits: 2 },
    'from peers, x': client === 'tributary' ? { values: each(({ fromPeers }) => fromPeers / size), digits: 2 } : '',
    connected: client === 'tributary' ? { values: outcomes.flatMap(({ connected }) => connected) } : '',
    'CPU, s': { values: each(({ processorSeconds }) => processorSeconds), digits: 1 },
  })
}

function slowestMs({ downloads }: Outcome): number {
  return Math.max(...downloads.map(({ totalMs }) => totalMs))
}

await Cleanup.around(async (cleanup) => {
  const site = cleanup.add(await Site.make([{ size, names: [FILE] }]), (made) => made.remove())
  const control = cleanup.add(await Control.open(), (open) => open.close())
  for (const visitors of numbers.visitors) {
    for (const staggerMs of visitors === 1 ? numbers.stagger.slice(0, 1) : numbers.stagger) {
      const crowds = clients.map((client): Crowd => ({ client, visitors, staggerMs }))
      const outcomes = new Map<Crowd, Outcome[]>(crowds.map((crowd) => [crowd, []]))
      for (let round = 1; round <= only(numbers.rounds); round++) {
        for (const crowd of crowds) {
          const outcome = await run(crowd, site, control)
          outcomes.get(crowd)?.push(outcome)
          const [origin, slowest] = [outcome.originBytes / size, slowestMs(outcome) / leastMs]
          progress(
            `${visitors} visitors, ${staggerMs} ms apart, ${crowd.client}: origin ${origin.toFixed(2)} x, slowest ${slowest.toFixed(2)} x`,
          )
        }
      }
      for (const [crowd, results] of outcomes) addRow(crowd, results)
    }
  }
})
report.print(json)
