import { createHash } from 'node:crypto'
import type { Fallback, WorkerMessage } from '../../../protocol/bridge.ts'
import { chunkCountOf, chunksOfFile } from '../../../protocol/geometry.ts'
import type { Manifest, ManifestFile, SwarmManifest } from '../../../protocol/manifest.ts'
import { writeManifest } from '../../../protocol/manifest.ts'
import { blocksOf, leafWidth, merkleRoot } from '../../../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../../../protocol/units.ts'
import type { RunStore, ValueStore } from '../../../store/chunk-store.ts'
import { openMemoryStore, openMemoryValues } from '../../../store/memory.ts'
import { PATIENCE, type Patience } from '../../../supply/patience.ts'
import { Accelerator } from '../../../sw/accelerator.ts'
import type { Owner } from '../scratch.ts'
import { FakeHost } from './fake-host.ts'
import { type OriginFile, SteeredOrigin } from './steered-origin.ts'

export const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36'
const ETAG = { etag: '"v1"', 'last-modified': 'Tue, 01 Oct 2024 10:00:00 GMT' }

/** Bytes that are the same for the same seed, and differ from block to block. */
export function madeUp(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
export const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function hashesOf(bytes: Uint8Array, chunkSize: number): Uint8Array<ArrayBuffer> {
  const width = leafWidth(bytes.length, chunkSize)
  const count = chunkCountOf(bytes.length, chunkSize)
  const hashes = new Uint8Array(count * 32)
  for (let i = 0; i < count; i++) {
    const chunk = bytes.subarray(i * chunkSize, (i + 1) * chunkSize)
    hashes.set(merkleRoot(blocksOf(chunk).map(sha256), width, sha256), i * 32)
  }
  return hashes
}

export interface SiteFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly chunkSize?: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface WorkerSiteOptions {
  readonly files: Readonly<Record<string, SiteFile>>
  /** Whether the manifest names a tracker; the peers are those of `host`. */
  readonly mesh?: boolean
  readonly chunks?: RunStore
  /** Bytes that the store holds; no bound when absent. */
  readonly capacity?: number
  readonly values?: ValueStore
  readonly patience?: Partial<Patience>
}

/** One site with its origin, and the accelerator of one visitor's worker, in this process. */
export class WorkerSite {
  readonly origin: SteeredOrigin
  readonly chunks: RunStore
  readonly values: ValueStore
  readonly host = new FakeHost()
  readonly messages: WorkerMessage[] = []
  #fellBack: () => void = () => undefined
  /** Settles when the worker has told of a fallback. */
  readonly fellBack = new Promise<void>((resolve) => {
    this.#fellBack = resolve
  })
  readonly #options: WorkerSiteOptions
  /** Answers that are being streamed. */
  streaming = 0
  #accelerator: Accelerator | undefined

  private constructor(origin: SteeredOrigin, options: WorkerSiteOptions, stores: Stores) {
    this.origin = origin
    this.#options = options
    this.chunks = stores.chunks
    this.values = stores.values
  }

  static async open(owner: Owner, options: WorkerSiteOptions): Promise<WorkerSite> {
    const origin = await SteeredOrigin.open(owner)
    for (const [path, file] of Object.entries(options.files)) origin.files.set(path, originFile(file))
    publish(origin, options)
    const stores = {
      chunks: options.chunks ?? openMemoryStore(options.capacity),
      values: options.values ?? openMemoryValues(),
    }
    const site = new WorkerSite(origin, options, stores)
    await site.reopen()
    owner.after(() => site.host.vanish())
    return site
  }

  /** Kills the worker, and starts another one on what is stored. */
  async reopen(): Promise<void> {
    const host = {
      siteRoot: this.origin.url,
      userAgent: CHROME,
      broadcast: (message: WorkerMessage) => {
        this.messages.push(message)
        if (message.tributary === 'fallback') this.#fellBack()
      },
      statsChanged: () => undefined,
      streaming: () => {
        this.streaming++
        return () => void this.streaming--
      },
    }
    const stores = { kind: 'indexeddb', chunks: this.chunks, values: this.values } as const
    this.#accelerator = await Accelerator.open(host, { stores, patience: { ...PATIENCE, ...this.#options.patience } })
    await this.accelerator.site.revalidate()
    if (this.#options.mesh) this.host.offer(this.accelerator.mesh)
  }

  get accelerator(): Accelerator {
    if (!this.#accelerator) throw new Error('the worker is not open')
    return this.#accelerator
  }

  get swarm(): SwarmManifest {
    const swarm = this.accelerator.site.manifest?.swarms[0]
    if (!swarm) throw new Error('the site has no manifest')
    return swarm
  }

  get fallbacks(): Fallback[] {
    return this.messages.flatMap((message) => (message.tributary === 'fallback' ? [message.fallback] : []))
  }

  /** A request as the worker gets it. */
  request(path: string, init: RequestInit & { destination?: RequestDestination } = {}): Request {
    const { destination, ...rest } = init
    const request = new Request(new URL(path, this.origin.url), rest)
    if (destination) Object.defineProperty(request, 'destination', { value: destination })
    return request
  }

  respond(path: string, init: RequestInit & { destination?: RequestDestination } = {}): Promise<Response> {
    return this.accelerator.respond(this.request(path, init), 'page')
  }

  /** Puts chunks of a file into the store, as an earlier visit would have, and starts a new worker. */
  async cache(path: string, chunks: readonly number[]): Promise<void> {
    const { file, swarm } = this.#listing(path)
    const bytes = this.#options.files[path]?.bytes ?? new Uint8Array()
    for (const chunk of chunks) {
      const part = bytes.slice(chunk * file.chunkSize, (chunk + 1) * file.chunkSize)
      await this.chunks.write(swarm.infoHash, (file.firstChunk + chunk) as ChunkIndex, [part])
    }
    await this.reopen()
  }

  /** The true bytes of one chunk of the swarm, as an honest peer would send them. */
  chunk(chunk: ChunkIndex): Uint8Array {
    const file = this.swarm.files.find((candidate) => {
      const { first, after } = chunksOfFile(candidate)
      return first <= chunk && chunk < after
    })
    if (!file) throw new Error(`no file has chunk ${chunk}`)
    const start = (chunk - file.firstChunk) * file.chunkSize
    return this.#options.files[file.path]?.bytes.slice(start, start + file.chunkSize) ?? new Uint8Array()
  }

  /** Publishes the manifest of other files; whoever revalidates sees it. */
  publish(files: Readonly<Record<string, SiteFile>>, change: Partial<Manifest> = {}): void {
    publish(this.origin, { ...this.#options, files }, change)
  }

  #listing(path: string): { file: ManifestFile; swarm: SwarmManifest } {
    const listing = this.accelerator.site.find(new URL(path, this.origin.url).href)
    if (!listing) throw new Error(`${path} is not in the manifest`)
    return listing
  }
}

interface Stores {
  readonly chunks: RunStore
  readonly values: ValueStore
}

function originFile({ bytes, type, headers = ETAG }: SiteFile): OriginFile {
  return { bytes, headers, ...(type && { type }) }
}

/** Puts the manifest and the hash lists on the origin: a swarm a file. */
function publish(origin: SteeredOrigin, options: WorkerSiteOptions, change: Partial<Manifest> = {}): void {
  const swarms = Object.entries(options.files).map(([path, { bytes, chunkSize = 32 * 1024, type }]): SwarmManifest => {
    const hashes = hashesOf(bytes, chunkSize)
    const infoHash = createHash('sha1').update(path).update(hashes).digest('hex') as InfoHash
    const name = `chunks/${infoHash}.sha256`
    origin.files.set(name, { bytes: hashes })
    const file = { path, size: bytes.length, type: type ?? 'application/octet-stream', chunkSize }
    return {
      infoHash,
      chunkSize,
      chunkCount: chunkCountOf(bytes.length, chunkSize),
      hashes: name,
      hashesDigest: `sha-256=:${createHash('sha256').update(hashes).digest('base64')}:`,
      files: [{ ...file, firstChunk: 0 as ChunkIndex }],
    }
  })
  const manifest: Manifest = {
    version: 1,
    disabled: false,
    ignorableParameters: ['v'],
    mesh: { announce: options.mesh ? ['/announce'] : [], iceServers: [] },
    swarms,
    ...change,
  }
  const bytes = new Uint8Array(new TextEncoder().encode(writeManifest(manifest)))
  origin.files.set('chunk-manifest.json', { bytes, type: 'application/json' })
}
