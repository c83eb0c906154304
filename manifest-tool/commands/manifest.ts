import { join } from 'node:path'
import type { Command } from 'commander'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { type BuiltManifest, buildManifest } from '../build-manifest.ts'
import { withFolderLock } from '../folder-lock.ts'
import { HashCache } from '../hash-cache.ts'
import { HashPool } from '../hash-pool.ts'
import { type Io, printJson, printLine } from '../io.ts'
import { addManifestOptions, type ManifestArguments, manifestOptions } from '../manifest-options.ts'
import { ReadingProgress } from '../progress.ts'
import { publishManifest } from '../publish-manifest.ts'
import { counted, shownName, shownSize } from '../quantity.ts'
import { readManifestFile } from '../read-manifest.ts'
import { totalsOf } from '../totals.ts'

interface Arguments extends ManifestArguments {
  readonly json?: boolean
  readonly disable?: boolean
}

export function addManifestCommand(program: Command, io: Io): void {
  const command = program
    .command('manifest')
    .summary('hash the files of a site and write its manifest')
    .description(
      `Hashes the large files below <dir> and writes ${MANIFEST_NAME} and chunks/ into it. ` +
        'Unchanged files are not hashed again. A crash leaves the old manifest whole.',
    )
    .argument('<dir>', 'root of the site')
  addManifestOptions(command)
    .option('--disable', 'switch every visitor back to plain HTTP; run again without it to switch on')
    .option('--json', 'print the result as JSON')
    .action((dir: string, given: Arguments) => withFolderLock(dir, () => writeSiteManifest(dir, given, io)))
}

async function writeSiteManifest(dir: string, given: Arguments, io: Io): Promise<void> {
  const options = manifestOptions(given)
  const cache = await HashCache.read(dir)
  const pool = new HashPool()
  const progress = new ReadingProgress(io)
  const stop = () => void pool.close()
  io.signal.addEventListener('abort', stop, { once: true })
  try {
    const built = await buildManifest(dir, options, { pool, cache, progress, signal: io.signal })
    progress.stop()
    io.signal.throwIfAborted()
    const wasDisabled = (await readManifestFile(dir).catch(() => undefined))?.disabled
    const manifest = { ...built.manifest, disabled: given.disable ?? false }
    await publishManifest(dir, { ...built, manifest }, cache)
    if (wasDisabled && !manifest.disabled)
      printLine(io.stderr, 'note: the old manifest was disabled; the new one is not')
    report({ ...built, manifest }, { dir, json: given.json ?? false, io })
  } finally {
    progress.stop()
    io.signal.removeEventListener('abort', stop)
    await pool.close()
  }
}

function report(built: BuiltManifest, { dir, json, io }: { dir: string; json: boolean; io: Io }): void {
  const { manifest, warnings, hashedBytes } = built
  for (const warning of warnings) printLine(io.stderr, `warning: ${shownName(warning)}`)
  const path = join(dir, MANIFEST_NAME)
  const totals = totalsOf(manifest)
  if (json) {
    printJson(io.stdout, { manifest: path, ...totals, hashedBytes, disabled: manifest.disabled, warnings })
    return
  }
  const { files, swarms, chunks, bytes } = totals
  printLine(
    io.stdout,
    `${path}: ${counted(files, 'file')} in ${counted(swarms, 'swarm')}, ${counted(chunks, 'chunk')}, ${shownSize(bytes)} (${shownSize(hashedBytes)} hashed, the rest was known)`,
  )
  if (files === 0) printLine(io.stderr, 'note: no file is large enough - lower --min-size, or see --bundle')
  else if (manifest.mesh.iceServers.length === 0)
    printLine(
      io.stderr,
      'note: without --ice-server stun:HOST visitors behind different routers cannot connect to each other',
    )
}
