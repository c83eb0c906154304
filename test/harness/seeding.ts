import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningServer, startServer } from '../../manifest-tool/serve/start-server.ts'
import { MANIFEST_NAME, type Manifest, parseManifest, type SwarmManifest } from '../../protocol/manifest.ts'
import type { LogLevel } from '../../seeder/log.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { Seeder, type SeederOptions } from '../../seeder/seeder.ts'
import { makeFolder, runCli } from './cli.ts'
import type { Owner } from './scratch.ts'

/** A site's folder with a manifest, and the tracker that the manifest means. */
export interface SeedSite {
  readonly dir: string
  readonly url: string
  readonly server: RunningServer
  /** Absolute URL of the tracker. */
  readonly tracker: string
  /** Serves the site again after its server was closed. */
  reopen(port: number): Promise<void>
}

export async function openSeedSite(
  owner: Owner,
  files: Readonly<Record<string, Uint8Array | string>>,
  options: { readonly manifest?: readonly string[] } = {},
): Promise<SeedSite> {
  const dir = await makeFolder(owner, files)
  await writeManifestOf(dir, options.manifest)
  const open = async (port: number) => {
    const server = await startServer({ dir, port })
    owner.after(() => server.close())
    return server
  }
  const server = await open(0)
  const tracker = `${server.url.replace('http', 'ws')}announce`
  const reopen = async (port: number) => void (await open(port))
  return { dir, url: server.url, server, tracker, reopen }
}

/** Runs `tributary manifest`. @param args more options of it */
export async function writeManifestOf(dir: string, args: readonly string[] = ['--min-size', '1']): Promise<void> {
  const { code, err } = await runCli(['manifest', dir, ...args])
  if (code !== 0) throw new Error(err)
}

export async function manifestOf(dir: string): Promise<Manifest> {
  return parseManifest(JSON.parse(await readFile(join(dir, MANIFEST_NAME), 'utf8')))
}

/** The swarm of one file, with its hashes. */
export async function swarmOf(dir: string, path: string): Promise<{ swarm: SwarmManifest; hashes: Uint8Array }> {
  const swarm = (await manifestOf(dir)).swarms.find(({ files }) => files.some((file) => file.path === path))
  if (swarm === undefined) throw new Error(`${path} is in no swarm`)
  return { swarm, hashes: await readFile(join(dir, swarm.hashes)) }
}

/** A seeder and what it has logged. */
export interface SeederUnderTest {
  readonly seeder: Seeder
  readonly logged: { readonly level: LogLevel; readonly message: string }[]
}

export async function openSeeder(
  owner: Owner,
  { dir, url }: { readonly dir: string; readonly url: string },
  options: Partial<SeederOptions> = {},
): Promise<SeederUnderTest> {
  const logged: SeederUnderTest['logged'] = []
  const seeder = await Seeder.start({
    root: dir,
    announce: [],
    origin: url,
    makeTransport: await loadNodeTransport(),
    log: (level, message) => logged.push({ level, message }),
    ...options,
  })
  owner.after(() => seeder.close(0))
  return { seeder, logged }
}
