// The DHT on simulated networks of growing size: the real nodes, on virtual time, with links that cost what WebRTC's cost.
//
//   npm run bench dht -- [--nodes 100,300,1000,3000,10000] [--minutes 15] [--seed 1] [--json] [picture.svg]
//
// Minutes are virtual: for so long each network is measured. A second for every hundred nodes and minute is a fair guess of
// what it takes, and 100 KiB of memory for every node: from 30,000 nodes on, NODE_OPTIONS=--max-old-space-size=16000.

import { writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { growthPlot } from '../test/sim/dht/plot.ts'
import { type Result, simulate } from '../test/sim/dht/run.ts'
import { scenario } from '../test/sim/dht/scenario.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Report } from './lib/report.ts'

/** The size that the targets are for. */
const TARGET_NODES = 10_000
/** In larger networks nodes do not join one by one, and are measured for a minute at most. */
const MOST_JOINING = 10_000
const MiB = 1024 * 1024

const { json, numbers, words } = readArguments({
  nodes: [100, 300, 1_000, 3_000, TARGET_NODES],
  minutes: [15],
  seed: [1],
})
const seed = only(numbers.seed)
const minutes = only(numbers.minutes)

// Memory is measured after garbage collection.
setFlagsFromString('--expose-gc')
globalThis.gc = runInNewContext('gc')

const report = new Report('dht', [
  'Networks of the real nodes on virtual time: 80 ms median round trip, half of all nodes leaving within an hour and as many',
  'others coming, a fifth of those who leave unnoticed for 15 to 30 s, 12 links each, 10 nodes in a swarm on average.',
  `found: until a provider is known that is really there. linked: until a link with it is open. Seed ${seed}, ${minutes} min measured.`,
  `Networks of more than ${MOST_JOINING} nodes begin with the links that nodes come to in the end, and are measured for one minute after one.`,
])

function cells(nodes: number, result: Result): Record<string, string> {
  return {
    nodes: String(nodes),
    searches: String(result.searches),
    'found, %': (100 * result.successRate).toFixed(2),
    'hops p50 / p95': `${result.hopsP50} / ${result.hopsP95}`,
    'found p50 / p95, ms': `${result.latencyP50Ms.toFixed(0)} / ${result.latencyP95Ms.toFixed(0)}`,
    'linked p50 / p95, ms': `${result.linkedP50Ms.toFixed(0)} / ${result.linkedP95Ms.toFixed(0)}`,
    'messages / node / min': result.messagesPerMin.toFixed(1),
    'KiB / node / min': (result.bytesPerMin / 1024).toFixed(1),
    'state, KiB': ((result.stateBytes ?? Number.NaN) / 1024).toFixed(0),
  }
}

/** Everybody comes within five minutes, or in small networks sooner; the largest are there and linked from the beginning. */
function stagesOf(nodes: number): { joinS: number; settleS?: number; measureS: number } {
  if (nodes > MOST_JOINING) return { joinS: 0, settleS: 60, measureS: 60 * Math.min(1, minutes) }
  return { joinS: Math.min(300, Math.max(30, nodes / 30)), measureS: 60 * minutes }
}

function judge(result: Result): void {
  const { hopsP50, latencyP50Ms, latencyP95Ms, successRate, messagesPerMin, stateBytes = Number.NaN } = result
  report.target({ name: 'hops, p50', value: hopsP50, atMost: 4, unit: '' })
  report.target({ name: 'found, p50', value: latencyP50Ms, atMost: 400, unit: 'ms' })
  report.target({ name: 'found, p95', value: latencyP95Ms, atMost: 1_500, unit: 'ms' })
  report.target({ name: 'found', value: 100 * successRate, atLeast: 99, unit: '%' })
  report.target({ name: 'messages of a node', value: messagesPerMin, atMost: 30, unit: '/min' })
  report.target({ name: 'state of a node', value: stateBytes / MiB, atMost: 1, unit: 'MiB' })
}

const points: { nodes: number; result: Result }[] = []
for (const nodes of numbers.nodes) {
  progress(`${nodes} nodes`)
  const result = simulate(scenario('churn', { seed, nodes, ...stagesOf(nodes) }))
  points.push({ nodes, result })
  const row = cells(nodes, result)
  progress(JSON.stringify(row))
  report.add(row)
  if (nodes === TARGET_NODES) judge(result)
}
const [picture] = words
if (picture !== undefined) writeFileSync(picture, growthPlot(points))
report.print(json)
