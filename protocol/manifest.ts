import { ManifestError } from './errors.ts'
import { chunkCountOf, isChunkSize, type Placement } from './geometry.ts'
import type { ChunkIndex, InfoHash } from './units.ts'

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

/**
 * Parses a manifest.
 * @param value what JSON.parse returned
 * @throws ManifestError naming the first field that is wrong
 */
export function parseManifest(value: unknown): Manifest {
  const root = objectAt(value, 'manifest')
  if (root.version !== MANIFEST_VERSION)
    throw new ManifestError('version', `must be ${MANIFEST_VERSION}, is ${shown(root.version)}`)
  const swarms = listAt(root.swarms, 'swarms', MAX_SWARMS).map((swarm, i) => parseSwarm(swarm, `swarms[${i}]`))
  refuseRepeats(swarms)
  return {
    version: MANIFEST_VERSION,
    disabled: optional(root.disabled, 'disabled', booleanAt) ?? false,
    ignorableParameters:
      optional(root.ignorableParameters, 'ignorableParameters', (list, at) =>
        listAt(list, at, MAX_LISTED).map((name, i) => stringAt(name, `${at}[${i}]`)),
      ) ?? [],
    mesh: optional(root.mesh, 'mesh', parseMesh) ?? { announce: [], iceServers: [] },
    swarms,
  }
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

function parseMesh(value: unknown, at: string): MeshSettings {
  const mesh = objectAt(value, at)
  return {
    announce:
      optional(mesh.announce, `${at}.announce`, (list, name) =>
        listAt(list, name, MAX_LISTED).map((url, i) => trackerUrlAt(url, `${name}[${i}]`)),
      ) ?? [],
    iceServers:
      optional(mesh.iceServers, `${at}.iceServers`, (list, name) =>
        listAt(list, name, MAX_LISTED).map((server, i) => parseIceServer(server, `${name}[${i}]`)),
      ) ?? [],
  }
}

function parseIceServer(value: unknown, at: string): IceServer {
  const server = objectAt(value, at)
  const urls = typeof server.urls === 'string' ? [server.urls] : server.urls
  const username = optional(server.username, `${at}.username`, stringAt)
  const credential = optional(server.credential, `${at}.credential`, stringAt)
  return {
    urls: listAt(urls, `${at}.urls`, MAX_LISTED).map((url, i) => iceUrlAt(url, `${at}.urls[${i}]`)),
    ...(username !== undefined && { username }),
    ...(credential !== undefined && { credential }),
  }
}

function parseSwarm(value: unknown, at: string): SwarmManifest {
  const swarm = objectAt(value, at)
  const infoHash = stringAt(swarm.infoHash, `${at}.infoHash`)
  if (!/^[0-9a-f]{40}$/.test(infoHash)) throw new ManifestError(`${at}.infoHash`, 'must be 40 lower-case hex digits')
  const chunkSize = countAt(swarm.chunkSize, `${at}.chunkSize`)
  if (!isChunkSize(chunkSize))
    throw new ManifestError(`${at}.chunkSize`, `must be a power of two from 32768 to 16777216, is ${chunkSize}`)
  const hashesDigest = stringAt(swarm.hashesDigest, `${at}.hashesDigest`)
  if (!/^sha-256=:[A-Za-z0-9+/]{43}=:$/.test(hashesDigest))
    throw new ManifestError(`${at}.hashesDigest`, 'must look like sha-256=:base64:')
  const files = listAt(swarm.files, `${at}.files`, MAX_FILES).map((file, i) =>
    parseFile(file, chunkSize, `${at}.files[${i}]`),
  )
  const torrent = optional(swarm.torrent, `${at}.torrent`, pathAt)
  return {
    infoHash: infoHash as InfoHash,
    chunkSize,
    chunkCount: checkPlacement(files, countAt(swarm.chunkCount, `${at}.chunkCount`), at),
    hashes: pathAt(swarm.hashes, `${at}.hashes`),
    hashesDigest,
    ...(torrent !== undefined && { torrent }),
    files,
  }
}

function parseFile(value: unknown, chunkSize: number, at: string): ManifestFile {
  const file = objectAt(value, at)
  const size = countAt(file.size, `${at}.size`)
  if (size < 1) throw new ManifestError(`${at}.size`, 'must be at least 1')
  const type = stringAt(file.type, `${at}.type`)
  if (!/^[\x20-\x7e]+$/.test(type)) throw new ManifestError(`${at}.type`, 'must be a media type in ASCII')
  if (isExecutableType(type)) throw new ManifestError(`${at}.type`, `${type} is never served from chunks`)
  return {
    path: pathAt(file.path, `${at}.path`),
    size,
    type,
    firstChunk: countAt(file.firstChunk, `${at}.firstChunk`) as ChunkIndex,
    chunkSize,
  }
}

/** Files follow one another without a gap and fill exactly the swarm's chunks. */
function checkPlacement(files: readonly ManifestFile[], chunkCount: number, at: string): number {
  let next = 0
  for (const [i, file] of files.entries()) {
    if (file.firstChunk !== next)
      throw new ManifestError(`${at}.files[${i}].firstChunk`, `must be ${next}, is ${file.firstChunk}`)
    next += chunkCountOf(file.size, file.chunkSize)
  }
  if (next !== chunkCount) throw new ManifestError(`${at}.chunkCount`, `must be ${next}, is ${chunkCount}`)
  return chunkCount
}

function refuseRepeats(swarms: readonly SwarmManifest[]): void {
  const seen = new Set<string>()
  for (const [i, swarm] of swarms.entries()) {
    for (const [j, file] of swarm.files.entries()) {
      if (seen.has(file.path)) throw new ManifestError(`swarms[${i}].files[${j}].path`, `${file.path} is listed twice`)
      seen.add(file.path)
    }
  }
}

function objectAt(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ManifestError(at, `must be an object, is ${shown(value)}`)
  return value as Record<string, unknown>
}

function listAt(value: unknown, at: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new ManifestError(at, `must be a list, is ${shown(value)}`)
  if (value.length > most) throw new ManifestError(at, `has ${value.length} entries, more than ${most}`)
  return value
}

function stringAt(value: unknown, at: string): string {
  if (typeof value !== 'string') throw new ManifestError(at, `must be a string, is ${shown(value)}`)
  return value
}

function booleanAt(value: unknown, at: string): boolean {
  if (typeof value !== 'boolean') throw new ManifestError(at, `must be true or false, is ${shown(value)}`)
  return value
}

function countAt(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SIZE)
    throw new ManifestError(at, `must be a whole number from 0 to 2^50, is ${shown(value)}`)
  return value
}

function pathAt(value: unknown, at: string): string {
  const path = stringAt(value, at)
  const bad = path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')
  // A lone surrogate has no UTF-8, so no URL can name such a file.
  if (bad || /[\\\0\p{Surrogate}]/u.test(path))
    throw new ManifestError(at, `must be a plain relative path, is ${shown(path)}`)
  return path
}

function trackerUrlAt(value: unknown, at: string): string {
  const url = stringAt(value, at)
  // A path alone (`/announce`) means the site's own host, whatever it is called today.
  if (!/^(wss?:\/\/|\/(?![/\\]))\S+$/i.test(url))
    throw new ManifestError(at, `must be a ws: or wss: URL, is ${shown(url)}`)
  return url
}

function iceUrlAt(value: unknown, at: string): string {
  const url = stringAt(value, at)
  if (!/^(stuns?|turns?):\S+$/i.test(url)) throw new ManifestError(at, `must be a stun: or turn: URL, is ${shown(url)}`)
  return url
}

function optional<T>(value: unknown, at: string, parse: (value: unknown, at: string) => T): T | undefined {
  return value === undefined ? undefined : parse(value, at)
}

/** A short quotation of a wrong value. */
function shown(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
