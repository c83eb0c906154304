import { copyFile, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Failure, fileFailure } from '../failure.ts'
import { type Io, printJson, printLine } from '../io.ts'
import { distFolder, SCRIPT_TAG, SITE_SCRIPTS } from '../package-files.ts'

export function addInitCommand(program: Command, io: Io): void {
  program
    .command('init')
    .summary('copy the service worker and the page script into a site')
    .description(
      'Copies the service worker and the page scripts into <dir> and prints the tag to paste into the pages.',
    )
    .argument('<dir>', 'root of the site')
    .option('--json', 'print the result as JSON')
    .action((dir: string, given: { json?: boolean }) => init(dir, given.json ?? false, io))
}

async function init(dir: string, json: boolean, io: Io): Promise<void> {
  await requireFolder(dir)
  const scripts: { name: string; state: 'new' | 'replaced' | 'same' }[] = []
  for (const name of SITE_SCRIPTS) {
    const script = await readFile(join(distFolder, name)).catch(() => undefined)
    if (script) scripts.push({ name, state: await putScript(name, script, dir) })
  }
  if (!scripts.some(({ name }) => name === 'tributary-sw.js'))
    throw new Failure(
      `${distFolder} has no tributary-sw.js`,
      'build it with npm run build, or install the package again',
    )
  if (json) {
    printJson(io.stdout, { scripts, tag: SCRIPT_TAG })
    return
  }
  for (const { name, state } of scripts) printLine(io.stdout, `${join(dir, name)}: ${state}`)
  printLine(io.stdout, `\nPaste this into the head of every page:\n\n  ${SCRIPT_TAG}\n`)
}

async function requireFolder(dir: string): Promise<void> {
  const stats = await stat(dir).catch((error) => {
    throw fileFailure(error, 'open', dir)
  })
  if (!stats.isDirectory()) throw new Failure(`${dir} is not a folder`, 'name the root folder of the site')
}

async function putScript(name: string, script: Buffer, dir: string): Promise<'new' | 'replaced' | 'same'> {
  const path = join(dir, name)
  const old = await readFile(path).catch(() => undefined)
  if (old?.equals(script)) return 'same'
  const temporary = join(dir, `.${name}.${process.pid}.tmp`)
  try {
    await copyFile(join(distFolder, name), temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileFailure(error, 'write', path)
  }
  return old ? 'replaced' : 'new'
}
