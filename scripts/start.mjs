// npm start: installs what is missing, builds, makes the demo's files, and serves the demo with everything in one process.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { build, command, ensurePackages } from './prepare.mjs'

const MAKE_FILES = 'demo/make-files.mjs'

try {
  ensurePackages()
  build('--no-types')
  if (existsSync(MAKE_FILES)) command(process.execPath, [MAKE_FILES])
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exit(1)
}

const port = process.env.PORT ?? '8080'
const server = spawn(
  process.execPath,
  ['dist/cli.js', 'serve', 'demo/site', '--port', port, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
)
// The server stops in good order by itself; this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal))
server.on('exit', (code) => process.exit(code ?? 1))
