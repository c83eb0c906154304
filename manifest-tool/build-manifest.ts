import { createHash } from 'node:crypto'
import { chunkCountOf } from '../protocol/geometry.ts'
import { type IceServer, MANIFEST_VERSION, type Manifest, type SwarmManifest } from '../protocol/manifest.ts'
import { buildMetainfo, type TorrentFile } from '../protocol/metainfo.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { type ChunkHashes, FileShrank, sha256 } from './chunk-hasher.ts'
import { Failure, fileFailure } from './failure.ts'
import { readStamp, sameStamp } from './file-stamp.ts'
import type { HashCache, HashLayout } from './hash-cache.ts'
import { hashFile } from './hash-file.ts'
import type { HashPool } from './hash-pool.ts'
import { HASH_FOLDER, matcher, type ScanOptions, type SiteFile, scanSite } from './scan.ts'
import { firstChunksOf, planSwarms, type SwarmPlan, webSeedOf } from './swarm-plan.ts'

export interface ManifestOptions extends ScanOptions {
  readonly chunkSize: number | 'auto'
  readonly announce: readonly string[]
  readonly iceServers: readonly IceServer[]
  readonly ignorableParameters: readonly string[]
  /** Whether to write `.torrent` files. */
  readonly torrent: boolean
  /** URL of the site root, ending in `/`: makes web seeds, and announce paths absolute, in the torrents. */
  readonly origin?: string
}

export const DEFAULT_OPTIONS: ManifestOptions = {
  minSize: 2 ** 20,
  include: [],
  exclude: [],
  bundles: [],
  chunkSize: 'auto',
  announce: ['/announce'],
  iceServers: [],
  ignorableParameters: [],
  torrent: true,
}

export interface BuildTools {
  readonly pool: HashPool
  readonly cache: HashCache
  readonly progress?: BuildProgress
  readonly signal?: AbortSignal
}

/** All counts are bytes. */
export interface BuildProgress {
  start(total: number): void
  add(bytes: number): void
}

export interface BuiltManifest {
  readonly manifest: Manifest
  /** Contents of the files below the site root that the manifest names. */
  readonly hashFiles: ReadonlyMap<string, Uint8Array>
  readonly warnings: readonly string[]
  /** Bytes that were read and hashed; the rest was known. */
  readonly hashedBytes: number
}

/** A file was written to between its scan and the end of its hashing. */
class FileChanged extends Error {
  override readonly name = 'FileChanged'
}

/**
 * Scans and hashes a site. Writes nothing. A file that changes meanwhile makes it start again, once.
 * @throws Failure when a file cannot be read or keeps changing; AbortError when stopped
 */
export async function buildManifest(root: string, options: ManifestOptions, tools: BuildTools): Promise<BuiltManifest> {
  try {
    return await buildOnce(root, options, tools)
  } catch (error) {
    if (!(error instanceof FileChanged)) throw error
  }
  try {
    return await buildOnce(root, options, tools)
  } catch (error) {
    if (!(error instanceof FileChanged)) throw error
    throw new Failure(
      `${error.message} changed while it was read, twice`,
      'let the writing finish, then run this again',
      {
        cause: error,
      },
    )
  }
}

async function buildOnce(root: string, options: ManifestOptions, tools: BuildTools): Promise<BuiltManifest> {
  const scan = await scanSite(root, options)
  const plans = planSwarms(scan.files, options.bundles, options.chunkSize)
  const hashing = new Hashing(tools)
  const hashes = await hashing.all(plans)
  const hashFiles = new Map<string, Uint8Array>()
  const swarms = plans.map((plan) => swarmOf(plan, hashes, { options, hashFiles }))
  const unmatched = options.bundles.filter((glob) => !scan.files.some((file) => matcher([glob])(file.path)))
  const warnings = [...scan.warnings, ...unmatched.map((glob) => `--bundle ${glob}: no file matches`)]
  return {
    manifest: {
      version: MANIFEST_VERSION,
      disabled: false,
      ignorableParameters: options.ignorableParameters,
      mesh: { announce: options.announce, iceServers: options.iceServers },
      swarms,
    },
    hashFiles,
    warnings,
    hashedBytes: hashing.hashedBytes,
  }
}

interface Member {
  readonly file: SiteFile
  readonly layout: HashLayout
}

/** Hashes the files of all swarms, several at a time, so that small files keep all threads busy too. */
class Hashing {
  hashedBytes = 0
  readonly #tools: BuildTools

  constructor(tools: BuildTools) {
    this.#tools = tools
  }

  async all(plans: readonly SwarmPlan[]): Promise<Map<SiteFile, ChunkHashes>> {
    const members = plans.flatMap((plan) => membersOf(plan))
    this.#tools.progress?.start(members.reduce((sum, { file }) => sum + file.stamp.size, 0))
    const hashes = new Map<SiteFile, ChunkHashes>()
    const queue = members.values()
    const lane = async () => {
      for (const member of queue) hashes.set(member.file, await this.#one(member))
    }
    await Promise.all(Array.from({ length: 2 * this.#tools.pool.size }, lane))
    return hashes
  }

  async #one({ file, layout }: Member): Promise<ChunkHashes> {
    const { cache, pool, progress, signal } = this.#tools
    signal?.throwIfAborted()
    const known = cache.get(file.stamp, layout)
    if (known) {
      progress?.add(file.stamp.size)
      return known
    }
    const startedAtNs = BigInt(Date.now()) * 1_000_000n
    const hashes = await hashFile(pool, file.absolute, file.stamp.size, {
      ...layout,
      onBytes: (bytes) => {
        this.hashedBytes += bytes
        progress?.add(bytes)
      },
    }).catch((error) => {
      signal?.throwIfAborted()
      if (error instanceof FileShrank) throw new FileChanged(file.path, { cause: error })
      throw fileFailure(error, 'read', file.absolute)
    })
    const after = await readStamp(file.absolute).catch(() => undefined)
    if (!after || !sameStamp(file.stamp, after)) throw new FileChanged(file.path)
    cache.set(file.stamp, layout, hashes, startedAtNs)
    return hashes
  }
}

function membersOf(plan: SwarmPlan): Member[] {
  return plan.files.map((file, i) => ({
    file,
    layout: { chunkSize: plan.chunkSize, padded: i < plan.files.length - 1 },
  }))
}

interface SwarmContext {
  readonly options: ManifestOptions
  /** Receives the contents of the swarm's files. */
  readonly hashFiles: Map<string, Uint8Array>
}

function swarmOf(plan: SwarmPlan, hashes: ReadonlyMap<SiteFile, ChunkHashes>, context: SwarmContext): SwarmManifest {
  const { options, hashFiles } = context
  const files = plan.files.map((file) => torrentFileOf(file, plan, hashes))
  const metainfo = buildMetainfo(
    { name: plan.name, chunkSize: plan.chunkSize, files },
    { announce: torrentTrackers(options), webSeeds: torrentSeeds(plan, options) },
    sha256,
  )
  const infoHash = createHash('sha1').update(metainfo.info).digest('hex') as InfoHash
  const chunkHashes = Buffer.concat(files.map((file) => file.chunkHashes))
  const paths = { hashes: `${HASH_FOLDER}/${infoHash}.sha256`, torrent: `${HASH_FOLDER}/${infoHash}.torrent` }
  hashFiles.set(paths.hashes, chunkHashes)
  if (options.torrent) hashFiles.set(paths.torrent, metainfo.torrent)
  const firstChunks = firstChunksOf(plan)
  return {
    infoHash,
    chunkSize: plan.chunkSize,
    chunkCount: plan.files.reduce((count, file) => count + chunkCountOf(file.stamp.size, plan.chunkSize), 0),
    hashes: paths.hashes,
    hashesDigest: `sha-256=:${createHash('sha256').update(chunkHashes).digest('base64')}:`,
    ...(options.torrent && { torrent: paths.torrent, metadataSize: metainfo.info.length }),
    files: plan.files.map(({ path, stamp, type }, i) => ({
      path,
      size: stamp.size,
      type,
      firstChunk: (firstChunks[i] ?? 0) as ChunkIndex,
      chunkSize: plan.chunkSize,
    })),
  }
}

function torrentFileOf(file: SiteFile, plan: SwarmPlan, hashes: ReadonlyMap<SiteFile, ChunkHashes>): TorrentFile {
  const found = hashes.get(file)
  if (!found) throw new Error(`${file.path} was not hashed`)
  const path = file.path.slice(plan.base.length).split('/')
  return { path, size: file.stamp.size, chunkHashes: found.sha256, sha1Pieces: found.sha1 }
}

/** Trackers as a torrent can name them: absolute. A path is one only together with the origin. */
function torrentTrackers({ announce, origin }: ManifestOptions): string[] {
  return announce.flatMap((url) => {
    if (!url.startsWith('/')) return [url]
    return origin === undefined ? [] : [new URL(url, origin).href.replace(/^http/, 'ws')]
  })
}

function torrentSeeds(plan: SwarmPlan, { origin }: ManifestOptions): string[] {
  const seed = origin === undefined ? undefined : webSeedOf(plan, origin)
  return seed === undefined ? [] : [seed]
}
