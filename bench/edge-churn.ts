// An edge through a day of visitors who come and go, with a store that is always full: does it keep anything?
//
//   npm run bench edge-churn -- [--hours 24] [--visitors 4] [--json]
//
// Its clock leaps from one group of visitors to the next, four minutes each time. All else is real: connections, tracker,
// origin and store.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../manifest-tool/serve/start-server.ts'
import { MANIFEST_NAME } from '../protocol/manifest.ts'
import { madeUp } from '../test/harness/site.ts'
import { only, progress, readArguments } from './lib/arguments.ts'
import type { ChurnSample } from './lib/churn-roles.ts'
import { Cleanup } from './lib/cleanup.ts'
import { openFiles, processTree, residentBytesBelow } from './lib/processes.ts'
import { Report } from './lib/report.ts'
import { Role } from './lib/role.ts'
import { MiB } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const FILES = 24
const FILE_BYTES = 4 * MiB
const GAP_MS = 240_000
const GAPS_AN_HOUR = 15
/** Without visitors, until swarms sleep. */
const QUIET_MS = 300_000

const { json, numbers } = readArguments({ hours: [24], visitors: [4] })
const [hours, visitors] = [only(numbers.hours), only(numbers.visitors)]

const report = new Report('edge-churn', [
  `${hours} hours, every four minutes ${visitors} visitors over WebRTC and two over HTTP, each for some file of ${FILES} x 4 MiB; the store has 64 MiB.`,
  'Every two hours the site changes a file. Taken at the end of each hour, when all visitors have gone.',
])

const nameOf = (i: number) => `files/${i}.bin`

/** The edge's process and the one that makes its connections, together. */
interface Hour extends ChurnSample {
  readonly resident: number
  readonly files: number
  /** Of which UDP, TCP and those between the two: each connection to a peer has some. */
  readonly sockets: number
}

function inHand(root: number): Pick<Hour, 'resident' | 'files' | 'sockets'> {
  const open = processTree(root).flatMap(({ pid }) => openFiles(pid))
  return {
    resident: residentBytesBelow(root),
    files: open.length,
    sockets: open.filter((name) => name.startsWith('socket:')).length,
  }
}

const samples: Hour[] = []
let brought = 0

await Cleanup.around(async (cleanup) => {
  const scratch = cleanup.add(await mkdtemp(join(tmpdir(), 'tributary-bench-')), (made) =>
    rm(made, { recursive: true }),
  )
  const dir = join(scratch, 'site')
  await mkdir(join(dir, 'files'), { recursive: true })
  for (let i = 0; i < FILES; i++) await writeFile(join(dir, nameOf(i)), madeUp(nameOf(i), FILE_BYTES))
  const server = cleanup.add(await startServer({ dir }), (running) => running.close())
  await server.manifestReady
  const script = new URL('lib/churn-roles.ts', import.meta.url)
  const [edge, crowd] = [new Role(script), new Role(script)].map((role) => cleanup.add(role, (made) => made.end()))
  if (edge === undefined || crowd === undefined) throw new Error('there are no roles')
  const port = await edge.number('edge', `${server.url}\n${join(scratch, 'store')}`)

  const read = async (i: number) => {
    const start = Math.floor(Math.random() * 2) * 2 * MiB
    const headers = { range: `bytes=${start}-${start + 2 * MiB - 1}` }
    await (await fetch(`http://127.0.0.1:${port}/${nameOf(i)}`, { headers })).arrayBuffer()
  }
  const someFile = () => Math.floor(Math.random() * FILES)

  for (let hour = 1; hour <= hours; hour++) {
    for (let gap = 0; gap < GAPS_AN_HOUR; gap++) {
      const came = crowd.number('visitors', `${server.url}\n${visitors}`)
      await Promise.all([read(someFile()), read(someFile())])
      brought += await came
      await edge.call('leap', GAP_MS)
    }
    if (hour % 2 === 0) {
      await writeFile(join(dir, nameOf(hour % FILES)), madeUp(`version ${hour}`, FILE_BYTES))
      await fetch(new URL(MANIFEST_NAME, server.url))
      await edge.call('reload')
    }
    await edge.call('leap', QUIET_MS)
    const sample: ChurnSample = JSON.parse(await edge.text('sample'))
    samples.push({ ...sample, ...inHand(edge.pid) })
    progress(`hour ${hour}: ${JSON.stringify(samples.at(-1))}`)
  }
})

/** The hours after the first quarter, in which everything has been used once; in two halves. */
const settled = samples.slice(Math.floor(hours / 4))
const early = settled.slice(0, Math.floor(settled.length / 2))
const late = settled.slice(Math.floor(settled.length / 2))
const rows: [string, (hour: Hour) => number][] = [
  ['resident, MiB', ({ resident }) => resident / MiB],
  ['heap after garbage collection, MiB', ({ heap }) => heap / MiB],
  ['open files', ({ files }) => files],
  ['sockets', ({ sockets }) => sockets],
  ['connected peers', ({ peers }) => peers],
  ['stored, MiB', ({ stored }) => stored / MiB],
]
for (const [what, of] of rows) report.add({ what, earlier: { values: early.map(of) }, later: { values: late.map(of) } })
const growth = (of: (hour: Hour) => number) => median(late.map(of)) / median(early.map(of))
report.target({
  name: 'resident memory, later / earlier',
  value: growth(({ resident }) => resident),
  atMost: 1.1,
  unit: 'x',
})
report.target({ name: 'heap, later / earlier', value: growth(({ heap }) => heap), atMost: 1.1, unit: 'x' })
report.target({
  // The store opens files as it needs them, up to 64: its part goes up and down. One for each visitor would be 500.
  name: 'open files, later - earlier',
  value: median(late.map(({ files }) => files)) - median(early.map(({ files }) => files)),
  atMost: 10,
  unit: '',
})
report.target({
  name: 'sockets, later - earlier',
  value: median(late.map(({ sockets }) => sockets)) - median(early.map(({ sockets }) => sockets)),
  atMost: 2,
  unit: '',
})
const last = samples.at(-1)
report.note(
  `${hours * GAPS_AN_HOUR * visitors} visitors got ${brought} chunks of the edge, which sent ${((last?.uploaded ?? 0) / MiB).toFixed(0)} MiB and gave up ${((last?.evicted ?? 0) / MiB).toFixed(0)} MiB.`,
)
report.print(json)
