import type { Command } from 'commander'
import type { Manifest } from '../../protocol/manifest.ts'
import { Failure } from '../failure.ts'
import { HashPool } from '../hash-pool.ts'
import { type Io, printJson, printLine } from '../io.ts'
import { ReadingProgress } from '../progress.ts'
import { counted, shownName } from '../quantity.ts'
import { readManifestFile } from '../read-manifest.ts'
import { type Problem, verifySite } from '../verify-site.ts'

export function addVerifyCommand(program: Command, io: Io): void {
  program
    .command('verify')
    .summary('check every file of a site against its manifest')
    .description(
      'Checks every file against the manifest and names each bad chunk. Exit code 1 when something does not match.',
    )
    .argument('<dir>', 'root of the site')
    .option('--json', 'print the result as JSON')
    .action((dir: string, given: { json?: boolean }) => verify(dir, given.json ?? false, io))
}

async function verify(dir: string, json: boolean, io: Io): Promise<void> {
  const manifest = await readManifestFile(dir)
  const pool = new HashPool()
  const progress = new ReadingProgress(io)
  const stop = () => void pool.close()
  io.signal.addEventListener('abort', stop, { once: true })
  try {
    const problems = await verifySite(dir, manifest, { pool, progress, signal: io.signal })
    progress.stop()
    report(problems, { manifest, json, io })
  } finally {
    progress.stop()
    io.signal.removeEventListener('abort', stop)
    await pool.close()
  }
}

function report(problems: readonly Problem[], { manifest, json, io }: { manifest: Manifest; json: boolean; io: Io }) {
  const files = manifest.swarms.reduce((sum, swarm) => sum + swarm.files.length, 0)
  const chunks = manifest.swarms.reduce((sum, swarm) => sum + swarm.chunkCount, 0)
  if (json) printJson(io.stdout, { good: problems.length === 0, files, chunks, problems })
  else for (const problem of problems) printLine(io.stdout, shownName(describe(problem)))
  if (problems.length > 0) {
    const bad = new Set(problems.map((problem) => problem.path)).size
    throw new Failure(
      `${counted(bad, 'file')} not as in the manifest`,
      'restore them, or make a new manifest with tributary manifest',
    )
  }
  if (!json) printLine(io.stdout, `all good: ${counted(files, 'file')}, ${counted(chunks, 'chunk')}`)
}

function describe(problem: Problem): string {
  switch (problem.kind) {
    case 'chunk':
      return `${problem.path}: chunk ${problem.chunk} is bad, bytes ${problem.start}-${problem.end - 1}`
    case 'size':
      return `${problem.path}: has ${problem.size} bytes, should have ${problem.expected}`
    case 'missing':
      return `${problem.path}: is missing`
    case 'hashes':
      return `${problem.path}: ${problem.detail}`
  }
}
