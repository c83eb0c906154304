// Simulated crowds on a virtual clock: the real mesh and the real supply, made-up visitors, lines and origin.
//
//   npm run bench sim -- [--seeds 1] [--json] [part of a scenario's name]...
//
// By default the large scenarios; `small` names those that the tests run. See test/sim/scenarios.ts.

import { simulate } from '../test/sim/run.ts'
import type { Scenario } from '../test/sim/scenario.ts'
import { LARGE, SMALL } from '../test/sim/scenarios.ts'
import { type Summary, summarise } from '../test/sim/summary.ts'
import { progress, readArguments } from './lib/arguments.ts'
import { Report } from './lib/report.ts'

const { json, numbers, words } = readArguments({ seeds: [1] })
const chosen =
  words.length === 0
    ? LARGE
    : [...SMALL, ...LARGE].filter((scenario) =>
        words.some((word) => scenario.name.includes(word) || (word === 'small' && SMALL.includes(scenario))),
      )
if (chosen.length === 0)
  throw new RangeError(`no scenario is called so: there are ${[...SMALL, ...LARGE].map(({ name }) => name).join(', ')}`)

const report = new Report('sim', [
  'Visitors on a virtual clock: mesh/, supply/ and sw/answer.ts are the real ones, lines, origin and tracker are not.',
  'origin: bytes that it sent / file; ideal: what the uplinks of all cannot carry in the shortest time there is.',
  'last, x ideal: until the last visitor is done, / that time; x plain: / the same visitors without Tributary.',
  'worst, x plain: of the visitors, its own time / its own without Tributary. fair: Jain index of what each uploaded.',
  'stalls: times that a film stood still, over all; in parentheses without Tributary.',
])

function addRow({ name }: Scenario, seed: number, summary: Summary, cpuSeconds: number): void {
  const number = (value: number, digits = 2) => ({ values: [value], digits })
  report.add({
    scenario: name,
    seed: String(seed),
    'origin, x': number(summary.origin),
    ideal: number(summary.idealOrigin),
    'share, %': number(100 * summary.share, 0),
    'last, x ideal': number(summary.lastedOfIdeal),
    'last, x plain': number(summary.lastedOfPlain),
    'worst, x plain': number(summary.worstOfPlain),
    'median, s': number(summary.medianMs / 1_000, 1),
    'first byte, ms': number(summary.firstByteMs, 0),
    'start-up, ms': number(summary.startUpMs, 0),
    'jump, ms': number(summary.seekMs, 0),
    stalls: `${summary.stalls} (${summary.plainStalls})`,
    'stood still, s': number(summary.stalledMs / 1_000, 1),
    fair: number(summary.fairness),
    'CPU, s': number(cpuSeconds, 0),
  })
}

for (const scenario of chosen) {
  for (const seed of numbers.seeds) {
    progress(`${scenario.name}, seed ${seed}`)
    const plain = await simulate({ scenario, seed, tributary: false })
    const before = process.cpuUsage().user
    const run = await simulate({ scenario, seed, tributary: true })
    addRow(scenario, seed, summarise(run, plain), (process.cpuUsage().user - before) / 1e6)
  }
}
report.print(json)
