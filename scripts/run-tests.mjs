// Runs test files and prints the sum as the last line. Started by test.mjs with TypeScript support.

import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { glob } from 'tinyglobby'

const ROOMS = [
  'protocol',
  'store',
  'mesh',
  'supply',
  'sw',
  'page-bridge',
  'seeder',
  'manifest-tool',
  'demo',
  'bench',
  'scripts',
]
/** These count seconds in browsers: on a small machine two of them at once would measure each other. Crash tests do not. */
const SERIAL = /^test\/(browsers|faults\/(?!.*-crash))/
/** These start a browser or two, and measure nothing. */
const PAIRED = /^test\/(contract|interop\/(dht-page|mesh-by-hand|mesh-examples|page-metadata|webtorrent))/
/** No file may hold up the run; single tests have deadlines of their own. */
const FILE_DEADLINE_MS = { parallel: 120_000, serial: 300_000, slow: 3_600_000 }

const args = process.argv.slice(2)
const ring = args[0] === 'unit' || args[0] === 'slow' ? args[0] : 'all'
const filters = ring === 'all' ? args : args.slice(1)

const patterns = {
  unit: ROOMS.map((room) => `${room}/**/*.test.ts`),
  slow: [...ROOMS, 'test'].map((room) => `${room}/**/*.slow.ts`),
  all: [...ROOMS, 'test'].map((room) => `${room}/**/*.test.ts`),
}[ring]

const files = (await glob(patterns, { ignore: ['**/node_modules/**'] }))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort()
if (files.length === 0) {
  console.error(`error: no test file matches ${filters.join(' ')} - give a part of a path, or nothing`)
  process.exit(1)
}

const sum = { passed: 0, failed: 0, skipped: 0 }
const failures = []
if (ring === 'slow') await runFiles(files, { concurrency: 1, timeout: FILE_DEADLINE_MS.slow })
else {
  const [serial, paired] = [SERIAL, PAIRED].map((group) => files.filter((file) => group.test(file)))
  const parallel = files.filter((file) => !serial.includes(file) && !paired.includes(file))
  // Many of them wait now and then.
  await runFiles(parallel, { concurrency: availableParallelism() + 1, timeout: FILE_DEADLINE_MS.parallel })
  await runFiles(paired, { concurrency: 2, timeout: FILE_DEADLINE_MS.serial })
  await runFiles(serial, { concurrency: 1, timeout: FILE_DEADLINE_MS.serial })
}

if (failures.length > 0) console.log(`failed:\n${failures.map((failure) => `  ${failure}`).join('\n')}\n`)
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`)
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0

async function runFiles(paths, options) {
  if (paths.length === 0) return
  const events = run({ files: paths.map((path) => resolve(path)), ...options })
  events.on('test:pass', count)
  events.on('test:fail', count)
  await new Promise((done) => {
    const report = events.compose(spec)
    report.on('end', done)
    report.pipe(process.stdout, { end: false })
  })
}

/** Counts what asserts something: neither suites, nor tests that failed only through their subtests, nor whole files. */
function count({ name, file, details, skip, todo }) {
  const { error } = details
  if (details.type === 'suite' && !isOwnFailure(error)) return
  if (error && !isOwnFailure(error)) return
  if (!error && name === file) return
  // What is known to fail, and says why, is no news.
  if (todo !== undefined) {
    sum.skipped++
    return
  }
  if (error) {
    sum.failed++
    failures.push(`${relative('.', file ?? 'unknown file')}: ${name === file ? 'the whole file' : name}`)
  } else if (skip !== undefined) sum.skipped++
  else sum.passed++
}

function isOwnFailure(error) {
  return error !== undefined && error.failureType !== 'subtestsFailed'
}
