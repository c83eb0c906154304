import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { chunkCountOf } from '../../protocol/geometry.ts'
import { MANIFEST_NAME, type Manifest } from '../../protocol/manifest.ts'
import { Failure, fileFailure } from '../failure.ts'
import { type Io, printJson, printLine } from '../io.ts'
import { counted, shownName, shownSize } from '../quantity.ts'
import { parseManifestText, readManifestText } from '../read-manifest.ts'
import { totalsOf } from '../totals.ts'

/** Longer than any server should take for a small file. */
const FETCH_DEADLINE_MS = 20_000

export function addInspectCommand(program: Command, io: Io): void {
  program
    .command('inspect')
    .summary('show what is in a manifest')
    .description('Shows what is in a manifest, given by its file, its URL, or the folder or URL of its site.')
    .argument('<where>', 'dir, manifest or URL')
    .option('--json', 'print the manifest as it was understood, with totals, as JSON')
    .action(async (where: string, given: { json?: boolean }) => {
      const { from, text } = await readText(where, io.signal)
      const manifest = parseManifestText(text, from)
      if (given.json) printJson(io.stdout, { from, ...totalsOf(manifest), manifest })
      else for (const line of describe(manifest, from)) printLine(io.stdout, line)
    })
}

async function readText(where: string, signal: AbortSignal): Promise<{ from: string; text: string }> {
  if (/^https?:\/\//i.test(where)) return fetchText(where, signal)
  try {
    if ((await stat(where)).isDirectory())
      return { from: join(where, MANIFEST_NAME), text: await readManifestText(where) }
    return { from: where, text: await readFile(where, 'utf8') }
  } catch (error) {
    throw fileFailure(error, 'read', where)
  }
}

async function fetchText(where: string, signal: AbortSignal): Promise<{ from: string; text: string }> {
  if (!URL.canParse(where)) throw new Failure(`${where} is not a URL`, 'write it like https://example.org/')
  const url = new URL(where)
  if (!url.pathname.endsWith('.json')) url.pathname = url.pathname.replace(/\/?$/, `/${MANIFEST_NAME}`)
  const advice = 'check the address and whether the site has a manifest'
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_DEADLINE_MS)]) })
    if (!response.ok) throw new Failure(`${url.href} answers ${response.status}`, advice)
    return { from: url.href, text: await response.text() }
  } catch (error) {
    if (error instanceof Failure) throw error
    signal.throwIfAborted()
    throw new Failure(`${url.href} does not answer`, advice, { cause: error })
  }
}

function describe(manifest: Manifest, from: string): string[] {
  const { files, swarms, chunks, bytes } = totalsOf(manifest)
  const { announce, iceServers } = manifest.mesh
  const rows = manifest.swarms.flatMap((swarm) =>
    swarm.files.map((file) => [
      shownName(file.path),
      shownSize(file.size),
      file.type,
      `${chunkCountOf(file.size, file.chunkSize)} x ${shownSize(file.chunkSize)}`,
      swarm.infoHash.slice(0, 12),
    ]),
  )
  return [
    `${from}, version ${manifest.version}`,
    ...(manifest.disabled ? ['DISABLED: visitors use plain HTTP'] : []),
    `trackers: ${announce.join(', ') || 'none, so no peers'}`,
    `ICE servers: ${iceServers.flatMap((server) => server.urls).join(', ') || 'none'}`,
    ...(manifest.ignorableParameters.length > 0
      ? [`query parameters that do not matter: ${manifest.ignorableParameters.join(', ')}`]
      : []),
    `${counted(files, 'file')} in ${counted(swarms, 'swarm')}, ${counted(chunks, 'chunk')}, ${shownSize(bytes)}`,
    ...(rows.length > 0 ? ['', ...table([['file', 'size', 'type', 'chunks', 'swarm'], ...rows])] : []),
  ]
}

/** Columns padded to their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
