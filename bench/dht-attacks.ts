// The DHT among hostile nodes, on simulated networks: what each attack costs those who are honest.
//
//   npm run bench dht-attacks -- [attack]... [--nodes 300] [--minutes 5] [--seed 1] [--json]
//
// Attacks are those of test/sim/dht/scenarios.json; without a name all of them are run, and a network without hostile nodes.

import type { Result } from '../test/sim/dht/run.ts'
import { simulate } from '../test/sim/dht/run.ts'
import { scenario } from '../test/sim/dht/scenario.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Report } from './lib/report.ts'

const ATTACKS = [
  'churn',
  'silence',
  'poisoned routes',
  'eclipse',
  'discouraged providers',
  'forged records',
  'forged ids',
  'garbage',
  'flood',
  'drizzle',
  'sybils',
  'sybils with tokens',
  'sybils that accomplices name',
]

const { json, numbers, words } = readArguments({ nodes: [300], minutes: [5], seed: [1] })
const [nodes, minutes, seed] = [only(numbers.nodes), only(numbers.minutes), only(numbers.seed)]

const report = new Report('dht-attacks', [
  'Networks as in the bench dht, with a share of hostile nodes; figures are of the honest ones. A search fails after 10 s.',
  'forged: records told of that nobody signed. framed: links between honest nodes given up for what was said on them.',
  `caught: links of hostile nodes given up. ${nodes} nodes, seed ${seed}, ${minutes} min measured.`,
])

function cells(name: string, share: number, result: Result): Record<string, string> {
  const { forged, framed, impostors, caught, mostMessagesPerMin, mostRecords } = result.damage
  return {
    attack: name,
    'hostile, %': (100 * share).toFixed(0),
    'found, %': (100 * result.successRate).toFixed(1),
    'found p50 / p95, ms': `${result.latencyP50Ms.toFixed(0)} / ${result.latencyP95Ms.toFixed(0)}`,
    'messages / node / min, mean / most': `${result.messagesPerMin.toFixed(0)} / ${mostMessagesPerMin}`,
    'KiB / node / min': (result.bytesPerMin / 1024).toFixed(0),
    'records, most': String(mostRecords),
    'forged / framed / false ids': `${forged} / ${framed} / ${impostors}`,
    caught: String(caught),
  }
}

for (const name of words.length > 0 ? words : ATTACKS) {
  progress(name)
  const plan = scenario(name, { seed, nodes, measureS: 60 * minutes, searchesPerMin: 1 })
  const row = cells(name, plan.hostile.share, simulate(plan))
  progress(JSON.stringify(row))
  report.add(row)
}
report.print(json)
