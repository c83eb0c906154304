import { fileOfChunk } from '../../mesh/file-of-chunk.ts'
import type { BlockProofs } from '../../mesh/mesh-node.ts'
import type { ByteSpan } from '../../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import { HASH_LENGTH, sameHash } from '../../protocol/merkle.ts'
import { urlOfPath } from '../../protocol/site-path.ts'
import { infoIn } from '../../protocol/torrent.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import type { RunData, RunStore, ValueStore } from '../../store/chunk-store.ts'
import type { Demand } from '../../supply/demand.ts'
import { SwarmHashes } from '../../supply/hashes.ts'
import type { OriginAnswer } from '../../supply/origin.ts'
import type { Patience } from '../../supply/patience.ts'
import type { MeshPeers } from '../../supply/peers.ts'
import type { ChunkSink } from '../../supply/sink.ts'
import { SpanReader } from '../../supply/span-reader.ts'
import { Supply } from '../../supply/supply.ts'
import { SwarmCache } from '../../supply/swarm-cache.ts'
import { chunkRoot } from '../chunk-root.ts'
import { sha256 } from '../sha256.ts'

export interface EdgeSwarmOptions {
  readonly swarm: SwarmManifest
  /** Where the origin has the site, ending in `/`. */
  readonly siteRoot: string
  readonly store: RunStore<RunData>
  readonly values: ValueStore
  readonly sink: ChunkSink
  readonly mesh: MeshPeers
  readonly patience: Patience
  /** The origin has another file than the manifest says. */
  readonly differs: (file: ManifestFile, detail: string) => void
  /** Work that goes on by itself. */
  readonly extend: (work: Promise<unknown>) => void
}

/** Bytes that came in, by whence, and that the store spared. */
export interface EdgeBytes {
  origin: number
  peers: number
  cache: number
}

/** Reads part of a file in order. */
export interface Reader {
  readonly next: SpanReader['next']
  /** To be called when nobody reads on. */
  readonly close: () => void
}

/**
 * Stands for the version of an answer's head and is like no validator of an origin: so a reader is given nothing that
 * has not been verified, for what an edge says of its answers is the manifest's word, not the origin's.
 */
const VERIFIED_ALONE = 'verified'

/** Peers wait for the swarm, which can do without its info dictionary. */
const INFO_MS = 1_000

/** One swarm as an edge has it: chunks at rest and on their way, and who brings them. */
export class EdgeSwarm {
  readonly swarm: SwarmManifest
  readonly cache: SwarmCache
  readonly supply: Supply
  readonly bytes: EdgeBytes = { origin: 0, peers: 0, cache: 0 }
  readonly #options: EdgeSwarmOptions
  readonly #hashes: SwarmHashes

  private constructor(options: EdgeSwarmOptions, hashes: SwarmHashes, cache: SwarmCache) {
    this.swarm = options.swarm
    this.cache = cache
    this.#options = options
    this.#hashes = hashes
    this.supply = new Supply({
      cache,
      mesh: options.mesh,
      patience: options.patience,
      received: (bytes) => {
        this.bytes.origin += bytes
      },
      answered: (file, answer) => this.#answered(file, answer),
      extend: options.extend,
    })
  }

  static async open(options: EdgeSwarmOptions): Promise<EdgeSwarm> {
    const { swarm, siteRoot, store, values, sink, patience, differs } = options
    const hashes = new SwarmHashes(swarm, siteRoot, values)
    const cache = await SwarmCache.open({
      swarm,
      store,
      isNew: false,
      patience,
      verifier: async () => verifierFor(await hashes.bytes()),
      verified: (_, file, chunk, slot) => {
        if (slot.source === 'peers') opened.bytes.peers += slot.length
        sink.add({ swarm: swarm.infoHash, chunk, bytes: slot.bytes, chunkSize: file.chunkSize })
      },
      mismatched: (_, file, chunk) => differs(file, `chunk ${chunk} does not match its hash`),
    })
    const opened: EdgeSwarm = new EdgeSwarm(options, hashes, cache)
    return opened
  }

  /** chunkCount x 32 bytes. @throws when they cannot be had */
  hashes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#hashes.bytes()
  }

  /** What peers need to check single blocks; undefined when the hashes cannot be had. */
  async proofs(): Promise<BlockProofs | undefined> {
    const chunkHashes = await this.hashes().catch(() => undefined)
    return chunkHashes && { chunkHashes, sha256, digest: async (block) => sha256(block) }
  }

  /** The info dictionary, for peers that know its hash alone; undefined when it cannot be had at once. */
  async info(): Promise<Uint8Array | undefined> {
    const { infoHash, torrent } = this.swarm
    const { values, siteRoot } = this.#options
    if (torrent === undefined) return undefined
    const key = infoKey(infoHash)
    const stored = await values.get(key).catch(() => undefined)
    if (stored instanceof ArrayBuffer) return new Uint8Array(stored)
    const fetched = await fetch(urlOfPath(torrent, siteRoot), { signal: AbortSignal.timeout(INFO_MS) })
      .then(async (response) => (response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined))
      .catch(() => undefined)
    const info = fetched && (await infoIn(fetched, infoHash))
    if (info) values.set(key, info.slice().buffer).catch(() => undefined) // asked for again next time
    return info
  }

  /** Whether these are a chunk's bytes. @throws when the hashes cannot be had */
  async check(chunk: ChunkIndex, bytes: Uint8Array): Promise<boolean> {
    const file = fileOfChunk(this.swarm.files, chunk)
    return file !== undefined && isChunk(await this.hashes(), file, chunk, bytes)
  }

  /** Reads part of a file: verified bytes alone. Close it when done. */
  read(file: ManifestFile, { start, end }: ByteSpan): Reader {
    const { cache, supply } = this
    const demand: Demand = {
      file,
      access: { url: urlOfPath(file.path, this.#options.siteRoot), credentials: 'omit' },
      media: false,
      begin: start,
      position: start,
      readMs: Date.now(),
      end,
      playback: () => ({}),
    }
    supply.demands.add(demand)
    if (cache.heldUntil(file, start, end) < end) supply.ahead(demand)
    const served = (bytes: number) => {
      this.bytes.cache += bytes
    }
    const reader = new SpanReader({ cache, supply, demand, end, version: VERIFIED_ALONE, served })
    const next = async () => {
      if (cache.unverifiable) await this.#verifyAgain()
      return await reader.next()
    }
    return { next, close: () => supply.leave(demand) }
  }

  /** The hashes could not be had, and perhaps can be now. */
  async #verifyAgain(): Promise<void> {
    const hashes = await this.hashes().catch(() => undefined)
    if (hashes) this.cache.unverifiable = false
  }

  #answered(file: ManifestFile, answer: OriginAnswer): void {
    if (answer.kind === 'other') this.#options.differs(file, answer.detail)
  }
}

function verifierFor(hashes: Uint8Array) {
  return async (file: ManifestFile | { size: number; chunkSize: number }, chunk: ChunkIndex, bytes: Uint8Array) =>
    isChunk(hashes, file, chunk, bytes)
}

/** Node hashes at once faster than it hands blocks to another thread. */
function isChunk(
  hashes: Uint8Array,
  { size, chunkSize }: { size: number; chunkSize: number },
  chunk: ChunkIndex,
  bytes: Uint8Array,
): boolean {
  const expected = hashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH)
  return sameHash(chunkRoot(bytes, size, chunkSize), expected)
}

/** Under which the info dictionary of a swarm rests beside its chunks. */
function infoKey(infoHash: InfoHash): string {
  return `info:${infoHash}`
}
