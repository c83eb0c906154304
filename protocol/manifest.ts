import { ManifestError } from './errors.ts'
import { chunkCountOf, isChunkSize, type Placement } from './geometry.ts'
import { check, list, maybe, record, text } from './shape.ts'
import type { InfoHash } from './units.ts'

export const MANIFEST_NAME = 'chunk-manifest.json'
export const MANIFEST_VERSION = 1

/** One STUN or TURN server, in the form of the WebRTC dictionary RTCIceServer. */
export interface IceServer {
  readonly urls: readonly string[]
  readonly username?: string
  readonly credential?: string
}

export interface MeshSettings {
  /** WebTorrent trackers, `ws:` or `wss:`. Empty: no mesh. */
  readonly announce: readonly string[]
  readonly iceServers: readonly IceServer[]
}

export interface ManifestFile extends Placement {
  /** Path below the site root, decoded, `/` between the segments, no leading `/`. */
  readonly path: string
  /** Media type as the origin sends it. */
  readonly type: string
}

export interface SwarmManifest {
  readonly infoHash: InfoHash
  readonly chunkSize: number
  readonly chunkCount: number
  /** Path of the file with the chunk hashes, `chunkCount` x 32 bytes, below the site root. */
  readonly hashes: string
  /** Digest of that file in the form of RFC 9530: `sha-256=:base64:`. */
  readonly hashesDigest: string
  /** Path of the `.torrent` file. */
  readonly torrent?: string
  /** Bytes of the info dictionary in there: BEP 9's `metadata_size`. */
  readonly metadataSize?: number
  readonly files: readonly ManifestFile[]
}

/** The parsed `chunk-manifest.json`; `docs/spec/manifest.md` describes the format. */
export interface Manifest {
  readonly version: typeof MANIFEST_VERSION
  /** The kill switch: every visitor goes back to plain HTTP. */
  readonly disabled: boolean
  /** Query parameters that do not change which file a URL names. */
  readonly ignorableParameters: readonly string[]
  readonly mesh: MeshSettings
  readonly swarms: readonly SwarmManifest[]
}

/**
 * Never served from chunks, whatever a manifest says: these run with the site's authority. All of XML is among them,
 * for any XML document may hold scripts of the XHTML namespace; so are the old names of JavaScript that browsers still
 * run (WHATWG MIME Sniffing section 4.6).
 */
const EXECUTABLE_TYPES =
  /^(text\/(html|css|xml|xsl)|application\/(xml|wasm)|[\w.-]+\/[\w.+-]*\+xml|[\w.-]+\/(x-)?(java|ecma|live|j)script[\d.]*)(?![\w.+-])/i

export function isExecutableType(type: string): boolean {
  return EXECUTABLE_TYPES.test(type.trim())
}

/** Bounds that keep a broken manifest from costing memory. */
const MAX_SWARMS = 100_000
const MAX_FILES = 1_000_000
const MAX_SIZE = 2 ** 50
const MAX_LISTED = 64

const truth = check<boolean>((value) => typeof value === 'boolean', 'true or false')
const whole = <T extends number>(least: number) =>
  check<T>(
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= MAX_SIZE,
    `a whole number from ${least} to 2^50`,
  )
const path = check<string>(
  // A lone surrogate has no UTF-8, so no URL can name such a file.
  (value) => typeof value === 'string' && !/[\\\0\p{Surrogate}]|(^|\/)\.{0,2}(\/|$)/u.test(value),
  'a plain relative path',
)
const anyText = text(/^/, 'a string')
const iceUrls = list(text(/^(stuns?|turns?):\S+$/i, 'a stun: or turn: URL'), MAX_LISTED)

const iceServer = record<IceServer>({
  urls: (value, at) => iceUrls(typeof value === 'string' ? [value] : value, at),
  username: maybe(anyText, undefined),
  credential: maybe(anyText, undefined),
})

const meshSettings = record<MeshSettings>({
  // A path alone (`/announce`) means the site's own host, whatever it is called today.
  announce: maybe(list(text(/^(wss?:\/\/|\/(?![/\\]))\S+$/i, 'a ws: or wss: URL'), MAX_LISTED), []),
  iceServers: maybe(list(iceServer, MAX_LISTED), []),
})

type UnplacedFile = Omit<ManifestFile, 'chunkSize'>
type UnplacedSwarm = Omit<SwarmManifest, 'files'> & { readonly files: readonly UnplacedFile[] }

const file = record<UnplacedFile>({
  path,
  size: whole(1),
  type: check(
    (value) => typeof value === 'string' && /^[\x20-\x7e]+$/.test(value) && !isExecutableType(value),
    'a media type that nobody executes',
  ),
  firstChunk: whole(0),
})

const swarm = record<UnplacedSwarm>({
  infoHash: text(/^[0-9a-f]{40}$/, '40 lower-case hex digits'),
  chunkSize: check((value) => typeof value === 'number' && isChunkSize(value), 'a power of two, 32 KiB to 16 MiB'),
  chunkCount: whole(0),
  hashes: path,
  hashesDigest: text(/^sha-256=:[A-Za-z0-9+/]{43}=:$/, 'of the form sha-256=:base64:'),
  torrent: maybe(path, undefined),
  metadataSize: maybe(whole(1), undefined),
  files: list(file, MAX_FILES),
})

const manifest = record<Omit<Manifest, 'swarms'> & { swarms: readonly UnplacedSwarm[] }>({
  version: check((value) => value === MANIFEST_VERSION, String(MANIFEST_VERSION)),
  disabled: maybe(truth, false),
  ignorableParameters: maybe(list(anyText, MAX_LISTED), []),
  mesh: maybe(meshSettings, { announce: [], iceServers: [] }),
  swarms: list(swarm, MAX_SWARMS),
})

/**
 * Parses a manifest.
 * @param value what JSON.parse returned
 * @throws ManifestError naming the first field that is wrong
 */
export function parseManifest(value: unknown): Manifest {
  const parsed = manifest(value, '')
  const paths = new Set<string>()
  return { ...parsed, swarms: parsed.swarms.map((swarm, i) => placed(swarm, `swarms[${i}]`, paths)) }
}

/** The manifest as the bytes of `chunk-manifest.json`: the inverse of `parseManifest(JSON.parse(text))`. */
export function writeManifest(manifest: Manifest): string {
  const { disabled, ignorableParameters, ...rest } = manifest
  const written = {
    version: rest.version,
    ...(disabled && { disabled }),
    ...(ignorableParameters.length > 0 && { ignorableParameters }),
    mesh: rest.mesh,
    swarms: rest.swarms.map((swarm) => ({
      ...swarm,
      files: swarm.files.map(({ path, size, type, firstChunk }) => ({ path, size, type, firstChunk })),
    })),
  }
  return `${JSON.stringify(written, null, 2)}\n`
}

/** Files follow one another without a gap and fill exactly the swarm's chunks; none is listed twice. */
function placed(swarm: UnplacedSwarm, at: string, paths: Set<string>): SwarmManifest {
  const { chunkSize, chunkCount } = swarm
  let next = 0
  const files = swarm.files.map((file, i) => {
    const { path, size, firstChunk } = file
    if (firstChunk !== next)
      throw new ManifestError(`${at}.files[${i}].firstChunk`, `must be ${next}, is ${firstChunk}`)
    if (paths.has(path)) throw new ManifestError(`${at}.files[${i}].path`, `${path} is listed twice`)
    paths.add(path)
    next += chunkCountOf(size, chunkSize)
    return { ...file, chunkSize }
  })
  if (next !== chunkCount) throw new ManifestError(`${at}.chunkCount`, `must be ${next}, is ${chunkCount}`)
  return { ...swarm, files }
}
