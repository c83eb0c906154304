// What visitors load: the scripts in dist/ as they travel, and which of them a page asks for before its first paint.
//
//   npm run bench size -- [--json]

import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { distFolder, SITE_SCRIPTS } from '../manifest-tool/package-files.ts'
import { readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { openClient } from './lib/clients.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, Site } from './lib/site.ts'

const KIB = 1024
/** Whatever the page asks for by itself, it has asked for by then. */
const QUIET_MS = 5_000

const { json } = readArguments({})

const report = new Report('size', [
  'Scripts in dist/, minified; gzip -9. KiB.',
  'requested: when a fresh visitor asked for it, by the clock of one machine: before first paint, later, or not at all.',
])

interface Request {
  readonly script: string
  readonly atMs: number
}

/** Opens a page as a fresh visitor and, once all is quiet, a file: what was asked for, and when something was painted. */
async function visit(): Promise<{ readonly requests: readonly Request[]; readonly paintMs: number }> {
  const requests: Request[] = []
  let paintMs = 0
  await Cleanup.around(async (cleanup) => {
    const site = cleanup.add(await Site.make([{ size: 4 * MiB, names: ['file.bin'] }]), (made) => made.remove())
    const control = cleanup.add(await Control.open(), (open) => open.close())
    const prepare = ({ url }: IncomingMessage) => {
      const script = SITE_SCRIPTS.find((name) => url === `/${name}`)
      if (script) requests.push({ script, atMs: Date.now() })
      return false
    }
    const client = await openClient('tributary', { site, control, cleanup, prepare })
    await sleep(QUIET_MS)
    paintMs = await client.browser.page.call('firstPaint')
    await client.download('file.bin')
    await sleep(QUIET_MS)
  })
  return { requests, paintMs }
}

function zipped(file: string): number {
  return gzipSync(readFileSync(`${distFolder}${file}`), { level: 9 }).length
}

const { requests, paintMs } = await visit()
const scripts = readdirSync(distFolder).filter((file) => file.endsWith('.js') && !/^(cli|hash-worker)\.js$/.test(file))
for (const script of scripts) {
  const first = requests.find((request) => request.script === script)
  const after = first === undefined ? '-' : `${(first.atMs - paintMs).toFixed(0)} ms`
  report.add({
    script,
    'KiB, gzipped': (zipped(script) / KIB).toFixed(1),
    'KiB, plain': (readFileSync(`${distFolder}${script}`).length / KIB).toFixed(1),
    requested: first === undefined ? 'no' : first.atMs <= paintMs ? 'before first paint' : 'later',
    'relative to first paint': after,
  })
}
const early = SITE_SCRIPTS.filter((script) =>
  requests.some((request) => request.script === script && request.atMs <= paintMs),
)
const pageScripts = SITE_SCRIPTS.filter((script) => script !== 'tributary-sw.js')
const sum = (names: readonly string[]) => names.reduce((bytes, name) => bytes + zipped(name), 0) / KIB
report.target({ name: 'worker', value: sum(['tributary-sw.js']), atMost: 20, unit: 'KiB' })
report.target({ name: 'page, lazily loaded parts included', value: sum(pageScripts), atMost: 60, unit: 'KiB' })
report.target({ name: 'requested before first paint', value: sum(early), atMost: 8, unit: 'KiB' })
report.print(json)
