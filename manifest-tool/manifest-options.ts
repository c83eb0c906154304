import type { Command } from 'commander'
import { ManifestError } from '../protocol/errors.ts'
import { parseManifest } from '../protocol/manifest.ts'
import { DEFAULT_OPTIONS, type ManifestOptions } from './build-manifest.ts'
import { usage } from './failure.ts'
import { parseChunkSize, parseSize } from './quantity.ts'

/** What commander makes of the options below. */
export interface ManifestArguments {
  readonly chunkSize: string
  readonly minSize: string
  readonly include: string[]
  readonly exclude: string[]
  readonly bundle: string[]
  readonly announce: string[]
  readonly iceServer: string[]
  readonly ignoreParameter: string[]
  readonly origin?: string
  readonly torrent: boolean
}

const collect = (value: string, before: string[]) => [...before, value]

/** Adds the options that say what a manifest holds. */
export function addManifestOptions(command: Command): Command {
  return command
    .option('--chunk-size <size>', 'auto, or a power of two from 32KiB to 16MiB', 'auto')
    .option('--min-size <size>', 'leave smaller files to the origin, unless bundled', '1MiB')
    .option('--include <glob>', 'only these files; may be repeated', collect, [])
    .option('--exclude <glob>', 'not these files; may be repeated', collect, [])
    .option(
      '--bundle <glob>',
      'all files that match share one swarm, playlists (HLS, DASH) apart; may be repeated',
      collect,
      [],
    )
    .option(
      '--announce <url>',
      "tracker, ws: or wss:, or a path on the site's host; may be repeated (default: /announce)",
      collect,
      [],
    )
    .option(
      '--ice-server <url>',
      'STUN or TURN server, as a URL or as JSON with credentials; may be repeated',
      collect,
      [],
    )
    .option('--ignore-parameter <name>', 'query parameter that does not change the file; may be repeated', collect, [])
    .option('--origin <url>', "the site's public URL, for the web seeds in the torrents")
    .option('--no-torrent', 'write no .torrent files')
}

/** @throws Failure of wrong use */
export function manifestOptions(given: ManifestArguments): ManifestOptions {
  const origin = given.origin === undefined ? {} : { origin: originOf(given.origin) }
  const mesh = parseMesh({
    announce: given.announce.length > 0 ? given.announce : DEFAULT_OPTIONS.announce,
    iceServers: given.iceServer.map(iceServerOf),
  })
  return {
    chunkSize: parseChunkSize(given.chunkSize),
    minSize: parseSize(given.minSize),
    include: given.include,
    exclude: given.exclude,
    bundles: given.bundle,
    ...mesh,
    ignorableParameters: given.ignoreParameter,
    torrent: given.torrent,
    ...origin,
  }
}

/** Lets the manifest's own parser judge what will stand in the manifest. */
function parseMesh(mesh: { announce: readonly string[]; iceServers: readonly unknown[] }) {
  try {
    return parseManifest({ version: 1, mesh, swarms: [] }).mesh
  } catch (error) {
    if (error instanceof ManifestError) throw usage(error.message, 'see tributary manifest --help')
    throw error
  }
}

function iceServerOf(text: string): unknown {
  if (!text.startsWith('{')) return { urls: [text] }
  try {
    return JSON.parse(text)
  } catch {
    throw usage(
      `--ice-server ${text} is not JSON`,
      'write it like {"urls":"turn:host","username":"u","credential":"c"}',
    )
  }
}

function originOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw usage(`--origin ${text} is not an http: or https: URL`, 'write it like https://example.org/')
  const url = new URL(text)
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}
