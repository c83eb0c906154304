// npm test: installs what is missing, builds, and runs the tests. See `usage`.

import { spawnSync } from 'node:child_process'
import { build, ensureBrowsers, ensurePackages } from './prepare.mjs'

const usage = `Usage: npm test -- [unit | slow] [part of a path]...
  (nothing)       every test but the slow ones
  unit            only the tests beside the code: no build, no browsers
  slow            only the slow ones, *.slow.ts
  part of a path  only the files whose path holds one of these`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(usage)
  process.exit(0)
}

try {
  ensurePackages()
  if (args[0] !== 'unit') {
    ensureBrowsers()
    build()
  }
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exit(1)
}
// A process of its own: the flag that lets Node read TypeScript exists only once the packages are installed.
const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/run-tests.mjs', ...args], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
