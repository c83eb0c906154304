// npm run bench: installs what is missing, builds, and runs the benchmarks one after the other. See `usage`.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { build, ensureBrowsers, ensurePackages } from './prepare.mjs'

/** Short ones first. */
const ORDER = [
  'size',
  'manifest',
  'edge',
  'seeder-large',
  'sw-cached',
  'memory',
  'link',
  'edge-churn',
  'sw-uncached',
  'video',
  'crowd',
]
const benches = readdirSync('bench').flatMap((file) =>
  /^[\w-]+\.ts$/.test(file) ? [file.slice(0, -'.ts'.length)] : [],
)
benches.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))

const usage = `Usage: npm run bench -- [name]... [option]...
  (nothing)  every benchmark: ${benches.join(', ')}
  name       only these
  --json     one line of JSON each instead of tables
  other options are those of the benchmark that is named: see the head of bench/<name>.ts`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(usage)
  process.exit(0)
}
const firstOption = args.findIndex((arg) => arg.startsWith('-'))
const names = firstOption === -1 ? args : args.slice(0, firstOption)
const options = args.slice(names.length)
const unknown = names.filter((name) => !existsSync(`bench/${name}.ts`))
if (unknown.length > 0) {
  console.error(`error: no benchmark is called ${unknown.join(', ')} - there are ${benches.join(', ')}`)
  process.exit(2)
}

try {
  ensurePackages()
  ensureBrowsers()
  build()
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exit(1)
}
let failed = false
for (const name of names.length > 0 ? names : benches) {
  console.error(`${name} ...`)
  const command = ['--import', 'tsx', `bench/${name}.ts`, ...options]
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' })
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
