import { createHash } from 'node:crypto'
import { fileOfChunk } from '../mesh/file-of-chunk.ts'
import type { BlockProofs } from '../mesh/mesh-node.ts'
import { bytesOfChunk, type ChunkSpan, chunkCountOf } from '../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import { HASH_LENGTH, sameHash } from '../protocol/merkle.ts'
import { infoIn, MOST_TORRENT } from '../protocol/torrent.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { chunkRoot } from './chunk-root.ts'
import type { Log } from './log.ts'
import { sha256 } from './sha256.ts'
import { type FileLook, FileRefused, type SiteFiles } from './site-files.ts'

export interface SwarmSourceOptions {
  readonly swarm: SwarmManifest
  /** Holds the files that are served. */
  readonly files: SiteFiles
  /** Where the manifest lies now, with its hash files. */
  readonly hashFiles: () => SiteFiles
  readonly log: Log
}

/** Chunks of one state of a file that do not have the hash that the manifest gives them. */
interface Bad {
  readonly stamp: string
  readonly chunks: Set<ChunkIndex>
}

/**
 * One swarm's chunks, read from the site's files. Every chunk is verified each time it is read: hashing costs a
 * thirtieth of what sending costs, and no file can change unnoticed in between.
 */
export class SwarmSource {
  readonly swarm: SwarmManifest
  /** Chunks read that were as they should be. */
  verified = 0
  /** Chunks read that were not. */
  refused = 0
  readonly #options: SwarmSourceOptions
  readonly #bad = new Map<string, Bad>()
  /** Files that are not served as a whole, with the reason that was logged. */
  readonly #problems = new Map<string, string>()
  #hashes: Promise<Uint8Array | undefined> | undefined

  constructor(options: SwarmSourceOptions) {
    this.swarm = options.swarm
    this.#options = options
  }

  /** Files that are not served as a whole. */
  get problems(): number {
    return this.#problems.size
  }

  /** Looks at the files: which chunks can be offered, as far as that can be told without reading them. */
  async survey(): Promise<ChunkSpan[]> {
    if ((await this.#loadHashes()) === undefined) return []
    const looks = await Promise.all(this.swarm.files.map(({ path }) => this.#options.files.look(path)))
    return this.swarm.files.flatMap((file, i) => this.#offered(file, looks[i] ?? GONE))
  }

  /** The verified bytes of a chunk, or undefined when the disk does not have them. */
  async read(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const file = fileOfChunk(this.swarm.files, chunk)
    const hashes = await this.#loadHashes()
    if (file === undefined || hashes === undefined) return undefined
    const { start, end } = bytesOfChunk(file, chunk)
    const bytes = new Uint8Array(end - start)
    const before = await this.#options.files.look(file.path)
    if (await this.#readGood(file, chunk, { bytes, start, hashes })) {
      this.verified++
      return bytes
    }
    this.refused++
    this.#markBad(file, chunk, before)
    return undefined
  }

  /** What peers need to check single blocks; undefined when the manifest's hashes are not there. */
  async proofs(): Promise<BlockProofs | undefined> {
    const chunkHashes = await this.#loadHashes()
    return chunkHashes && { chunkHashes, sha256, digest: async (block) => sha256(block) }
  }

  /** The info dictionary, for peers that know its hash alone; undefined where there is no such torrent. */
  async info(): Promise<Uint8Array | undefined> {
    const { torrent: path, infoHash } = this.swarm
    if (path === undefined) return undefined
    // Without it, peers are served all the same.
    const torrent = await this.#options
      .hashFiles()
      .readWhole(path, MOST_TORRENT)
      .catch(() => undefined)
    return torrent && (await infoIn(torrent, infoHash))
  }

  /** Forgets what can be read again. */
  rest(): void {
    this.#hashes = undefined
  }

  async #readGood(
    { path, size, chunkSize }: ManifestFile,
    chunk: ChunkIndex,
    { bytes, start, hashes }: { bytes: Uint8Array; start: number; hashes: Uint8Array },
  ): Promise<boolean> {
    const { files } = this.#options
    const expected = hashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH)
    // The second time through a new handle: the open one may be of a file that was replaced since.
    for (let attempt = 0; attempt < 2; attempt++) {
      if (attempt > 0) files.forget(path)
      try {
        if ((await files.read(path, start, bytes)) && sameHash(chunkRoot(bytes, size, chunkSize), expected)) return true
      } catch (error) {
        if (!(error instanceof FileRefused)) throw error
      }
    }
    return false
  }

  #markBad(file: ManifestFile, chunk: ChunkIndex, look: FileLook): void {
    if (look.kind === 'refused') {
      this.#warn(file.path, look.reason)
      return
    }
    const known = this.#bad.get(file.path)
    const bad = known?.stamp === look.stamp ? known : { stamp: look.stamp, chunks: new Set<ChunkIndex>() }
    bad.chunks.add(chunk)
    this.#bad.set(file.path, bad)
    this.#warn(file.path, 'has changed since the manifest was made')
  }

  #offered(file: ManifestFile, look: FileLook): ChunkSpan[] {
    if (look.kind === 'refused') {
      this.#warn(file.path, look.reason)
      return []
    }
    const bad = this.#bad.get(file.path)
    if (bad && bad.stamp !== look.stamp) this.#bad.delete(file.path)
    const chunks = this.#bad.get(file.path)?.chunks
    if (look.size < file.size) this.#warn(file.path, 'is shorter than in the manifest')
    else if (chunks === undefined) this.#allRight(file.path)
    const whole =
      look.size < file.size ? Math.floor(look.size / file.chunkSize) : chunkCountOf(file.size, file.chunkSize)
    return spansWithout(file.firstChunk, file.firstChunk + whole, chunks)
  }

  #loadHashes(): Promise<Uint8Array | undefined> {
    this.#hashes ??= this.#readHashes().then((hashes) => {
      if (hashes === undefined) this.#hashes = undefined
      return hashes
    })
    return this.#hashes
  }

  async #readHashes(): Promise<Uint8Array | undefined> {
    const { hashes: path, hashesDigest, chunkCount } = this.swarm
    try {
      const bytes = await this.#options.hashFiles().readWhole(path, chunkCount * HASH_LENGTH)
      const digest = bytes && `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
      if (digest === hashesDigest && bytes?.length === chunkCount * HASH_LENGTH) {
        this.#allRight(path)
        return bytes
      }
      this.#warn(path, 'is not the file that the manifest means')
    } catch (error) {
      if (!(error instanceof FileRefused)) throw error
      this.#warn(path, error.message.slice(path.length + 1))
    }
    return undefined
  }

  /** Once for each file and reason. */
  #warn(path: string, reason: string): void {
    if (this.#problems.get(path) === reason) return
    this.#problems.set(path, reason)
    this.#options.log('warn', `${path} ${reason}: what does not match the manifest is not served`)
  }

  #allRight(path: string): void {
    if (this.#problems.delete(path)) this.#options.log('info', `${path} is as in the manifest again`)
  }
}

const GONE: FileLook = { kind: 'refused', reason: 'is missing' }

/** The runs from `first` to before `after` that hold no chunk of `holes`. */
function spansWithout(first: number, after: number, holes: ReadonlySet<number> | undefined): ChunkSpan[] {
  const cuts = [...(holes ?? [])].filter((chunk) => chunk >= first && chunk < after).sort((a, b) => a - b)
  const spans: ChunkSpan[] = []
  let from = first
  for (const cut of [...cuts, after]) {
    if (from < cut) spans.push({ first: from as ChunkIndex, after: cut as ChunkIndex })
    from = cut + 1
  }
  return spans
}
