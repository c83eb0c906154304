// Viewers of one film behind an origin that cannot feed them all: plain HTTP and Tributary.
//
//   npm run bench video -- [--visitors 4] [--egress 32] [--rate 4] [--play 7] [--stagger 0] [--rounds 2] [--json]
//
// The film is the demo's: 31.5 MiB, 66 s. Egress in Mbit/s in total, rate: of playback, play: seconds until everybody
// jumps to four fifths, stagger in ms between visitors.

import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Browser } from './lib/browser.ts'
import { Cleanup } from './lib/cleanup.ts'
import type { Viewing } from './lib/commands.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { rateOf, Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const FILM = fileURLToPath(new URL('../demo/site/videos/tributary.mp4', import.meta.url))
const NAME = 'film.mp4'
const SEEK_TO = 0.8
const CLIENTS = ['plain', 'tributary'] as const
type ViewerClient = (typeof CLIENTS)[number]

const { json, numbers } = readArguments({
  visitors: [4],
  egress: [32],
  rate: [4],
  play: [7],
  stagger: [0],
  rounds: [2],
})
const visitors = only(numbers.visitors)
const { size } = await stat(FILM)

const report = new Report('video', [
  `${visitors} viewers play ${(size / 2 ** 20).toFixed(1)} MiB at ${only(numbers.rate)} times its speed for ${only(numbers.play)} s, then jump to four fifths; the origin has ${only(numbers.egress)} Mbit/s in total.`,
  'Each is a Chromium process with a fresh profile, on one machine; nothing but the origin is shaped.',
  'stalls: `waiting` events after the first frame and before the jump, of each viewer; origin: bytes sent of the film / its size, until the last jump has shown.',
])

interface Outcome {
  readonly viewings: readonly Viewing[]
  readonly originBytes: number
  readonly processorSeconds: number
}

async function run(client: ViewerClient, site: Site, control: Control): Promise<Outcome> {
  return await Cleanup.around(async (cleanup) => {
    const server = cleanup.add(await site.serve(client === 'tributary'), (running) => running.close())
    const browsers: Browser[] = []
    for (let i = 0; i < visitors; i++) {
      const options = { control, name: `${client}-${server.port}-${i}`, page: `${server.url}downloads.html` }
      const browser = cleanup.add(await Browser.open(options), (open) => open.close())
      await browser.page.call('ready')
      browsers.push(browser)
    }
    server.setEgress(rateOf(only(numbers.egress)))
    const seconds = () => browsers.reduce((sum, browser) => sum + browser.seconds, 0)
    const before = seconds()
    const viewings = await Promise.all(
      browsers.map(async ({ page }, i) => {
        await sleep(i * only(numbers.stagger))
        const playMs = only(numbers.play) * 1000
        return await page.call('watch', { url: server.url + NAME, rate: only(numbers.rate), playMs, seekTo: SEEK_TO })
      }),
    )
    return { viewings, originBytes: server.metrics.bytesOf(`/${NAME}`), processorSeconds: seconds() - before }
  })
}

function addRow(client: ViewerClient, outcomes: readonly Outcome[]): void {
  const viewings = outcomes.flatMap((outcome) => outcome.viewings)
  report.add({
    client,
    'first frame, s': { values: viewings.map(({ firstFrameMs }) => firstFrameMs / 1000), digits: 2 },
    stalls: { values: viewings.map(({ stalls }) => stalls) },
    'stood still, s': { values: viewings.map(({ stalledMs }) => stalledMs / 1000), digits: 2 },
    'jump, s': { values: viewings.map(({ seekMs }) => seekMs / 1000), digits: 2 },
    'origin, x': { values: outcomes.map(({ originBytes }) => originBytes / size), digits: 2 },
    'CPU, s': { values: outcomes.map(({ processorSeconds }) => processorSeconds), digits: 1 },
  })
}

function addTargets(plain: readonly Outcome[], ours: readonly Outcome[]): void {
  const of = (outcomes: readonly Outcome[], value: (viewing: Viewing) => number) =>
    outcomes.flatMap(({ viewings }) => viewings.map(value))
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const [first, stalls, jump] = [
    ({ firstFrameMs }: Viewing) => firstFrameMs,
    (viewing: Viewing) => viewing.stalls,
    ({ seekMs }: Viewing) => seekMs,
  ]
  const atMost = (name: string, value: number, bound: number, unit: string) =>
    report.target({ name, value, atMost: bound, unit })
  atMost('first frame', median(of(ours, first)), 1.1 * median(of(plain, first)), 'ms')
  atMost('stalls in all', sum(of(ours, stalls)), sum(of(plain, stalls)) / 10, 'stalls')
  atMost('jump', median(of(ours, jump)), median(of(plain, jump)), 'ms')
  atMost('from the origin', median(ours.map(({ originBytes }) => originBytes)) / size, visitors, 'films')
}

await Cleanup.around(async (cleanup) => {
  const site = cleanup.add(await Site.make([]), (made) => made.remove())
  await site.add(NAME, FILM)
  const control = cleanup.add(await Control.open(), (open) => open.close())
  const outcomes = new Map<ViewerClient, Outcome[]>(CLIENTS.map((client) => [client, []]))
  for (let round = 1; round <= only(numbers.rounds); round++) {
    for (const client of CLIENTS) {
      progress(`round ${round}: ${client}`)
      outcomes.get(client)?.push(await run(client, site, control))
    }
  }
  for (const [client, results] of outcomes) addRow(client, results)
  addTargets(outcomes.get('plain') ?? [], outcomes.get('tributary') ?? [])
})
report.print(json)
