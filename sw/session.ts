import type { SwarmTicket } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'
import { IntegrityError } from '../protocol/errors.ts'
import type { ManifestFile, MeshSettings, SwarmManifest } from '../protocol/manifest.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { urlOfPath } from '../protocol/site-path.ts'
import type { ValueStore } from '../store/chunk-store.ts'
import { PATIENCE } from './patience.ts'
import type { Supply } from './supply.ts'
import type { SwarmCache } from './swarm-cache.ts'
import { type ChunkVerifier, createVerifier, matchesDigest } from './verify.ts'

/** A swarm that this worker has been asked for. */
export interface SwarmSession {
  readonly cache: SwarmCache
  readonly supply: Supply
  readonly hashes: SwarmHashes
  /** Files that were asked for, by this worker. */
  readonly asked: Set<ManifestFile>
}

/** Hashes that could not be had are asked for again after this long. */
const RETRY_MS = 5_000

const DEADLINE_MS = 10_000

/** The chunk hashes of one swarm: from the store, else from the site, and always checked against the manifest. */
export class SwarmHashes {
  readonly #swarm: SwarmManifest
  readonly #siteRoot: string
  readonly #values: ValueStore
  #loading: Promise<Uint8Array<ArrayBuffer>> | undefined
  #verifier: Promise<ChunkVerifier> | undefined

  constructor(swarm: SwarmManifest, siteRoot: string, values: ValueStore) {
    this.#swarm = swarm
    this.#siteRoot = siteRoot
    this.#values = values
  }

  /** chunkCount x 32 bytes. @throws when they cannot be had, or are not those of the manifest */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      setTimeout(() => {
        this.#loading = undefined
        this.#verifier = undefined
      }, RETRY_MS)
      throw error
    })
    return this.#loading
  }

  verifier(): Promise<ChunkVerifier> {
    this.#verifier ??= this.bytes().then(createVerifier)
    return this.#verifier
  }

  async #load(): Promise<Uint8Array<ArrayBuffer>> {
    const key = hashesKey(this.#swarm)
    const stored = await withDeadline(this.#values.get(key), PATIENCE.store).catch(() => undefined)
    if (stored instanceof ArrayBuffer && (await this.#isGood(stored))) return new Uint8Array(stored)
    const url = urlOfPath(this.#swarm.hashes, this.#siteRoot)
    const response = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(DEADLINE_MS) })
    if (!response.ok) throw new IntegrityError(`${this.#swarm.hashes}: status ${response.status}`)
    const fetched = await response.arrayBuffer()
    if (!(await this.#isGood(fetched))) throw new IntegrityError(`${this.#swarm.hashes}: not what the manifest names`)
    this.#values.set(key, fetched).catch(() => {})
    return new Uint8Array(fetched)
  }

  async #isGood(bytes: ArrayBuffer): Promise<boolean> {
    const { chunkCount, hashesDigest } = this.#swarm
    return bytes.byteLength === chunkCount * HASH_LENGTH && (await matchesDigest(bytes, hashesDigest))
  }
}

/** Under which the hashes of a swarm rest beside its chunks. */
export function hashesKey({ infoHash }: SwarmManifest): string {
  return `hashes:${infoHash}`
}

/** What a page needs to join. Announce URLs may be paths on the site's own host: the worker makes them absolute. */
export function ticketFor(
  swarm: SwarmManifest,
  hashes: Uint8Array<ArrayBuffer>,
  mesh: MeshSettings,
  siteRoot: string,
): SwarmTicket {
  return {
    infoHash: swarm.infoHash,
    chunkSize: swarm.chunkSize,
    chunkCount: swarm.chunkCount,
    hashes: hashes.slice().buffer,
    files: swarm.files.map(({ size, firstChunk, chunkSize }) => ({ size, firstChunk, chunkSize })),
    mesh: { ...mesh, announce: mesh.announce.map((url) => absoluteTracker(url, siteRoot)) },
  }
}

function absoluteTracker(announce: string, siteRoot: string): string {
  const url = new URL(announce, siteRoot)
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  return url.href
}
