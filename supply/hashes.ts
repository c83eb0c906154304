import { withDeadline } from '../protocol/deadline.ts'
import { IntegrityError } from '../protocol/errors.ts'
import type { SwarmManifest } from '../protocol/manifest.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { urlOfPath } from '../protocol/site-path.ts'
import type { ValueStore } from '../store/chunk-store.ts'
import { PATIENCE } from './patience.ts'
import { type ChunkVerifier, createVerifier, matchesDigest } from './verify.ts'

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
    if (!(await this.#isGood(fetched))) throw new IntegrityError(`${this.#swarm.hashes}: changed`)
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
