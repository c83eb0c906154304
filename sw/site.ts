import type { WorkerState } from '../protocol/bridge.ts'
import {
  MANIFEST_NAME,
  type Manifest,
  type ManifestFile,
  parseManifest,
  type SwarmManifest,
} from '../protocol/manifest.ts'
import { pathOfUrl } from '../protocol/site-path.ts'
import type { ValueStore } from '../store/chunk-store.ts'

/** The manifest is asked for again at most this often; it is also the longest that the kill switch takes. */
const REVALIDATE_MS = 30_000

/** A manifest that has not arrived by then is not waited for. */
const FETCH_DEADLINE_MS = 10_000

const MAX_MANIFEST_BYTES = 64 * 1024 * 1024

const KEY = 'manifest'

export interface Listing {
  readonly file: ManifestFile
  readonly swarm: SwarmManifest
}

export interface SiteEvents {
  /** The manifest cannot be used; told once for each. */
  broken(problem: unknown): void
  /** Another manifest than before is in force, or none. */
  changed(manifest: Manifest | undefined, before: Manifest | undefined): void
}

/** Keeps the manifest: in memory while the worker lives, in the store beyond that, revalidated in the background. */
export class Site {
  /** URL of the directory that holds the manifest, ending in `/`. */
  readonly root: string
  readonly #values: ValueStore
  readonly #events: SiteEvents
  #state: WorkerState['manifest'] = 'none'
  #manifest: Manifest | undefined
  #text: string | undefined
  #listings = new Map<string, Listing>()
  #loading: Promise<void> | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined

  constructor(root: string, values: ValueStore, events: SiteEvents) {
    this.root = root
    this.#values = values
    this.#events = events
  }

  get state(): WorkerState['manifest'] {
    return this.#state
  }

  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  get fileCount(): number {
    return this.#listings.size
  }

  /** What is stored is in memory from now on. Never rejects. */
  load(): Promise<void> {
    this.#loading ??= this.#values.get(KEY).then(
      (text) => (typeof text === 'string' && this.#text === undefined ? this.#use(text) : undefined),
      () => undefined, // a store that fails is like an empty one
    )
    return this.#loading
  }

  /** The file that `url` names, or undefined. */
  find(url: string): Listing | undefined {
    if (!this.#manifest || this.#state !== 'good') return undefined
    const path = pathOfUrl(url, this.root, this.#manifest.ignorableParameters)
    return path === undefined ? undefined : this.#listings.get(path)
  }

  /** Asks the origin for the manifest, unless it did so a short time ago. Never rejects. */
  revalidate(): Promise<void> {
    if (this.#checking) return this.#checking
    if (Date.now() - this.#checkedAt < REVALIDATE_MS) return Promise.resolve()
    this.#checkedAt = Date.now()
    this.#checking = this.#check()
      .catch(() => {}) // the origin is away: what was good stays in force
      .finally(() => {
        this.#checking = undefined
      })
    return this.#checking
  }

  /** Stores the manifest in force, for the next worker. */
  async save(): Promise<void> {
    if (this.#text !== undefined) await this.#values.set(KEY, this.#text)
  }

  async #check(): Promise<void> {
    const signal = AbortSignal.timeout(FETCH_DEADLINE_MS)
    const response = await fetch(new URL(MANIFEST_NAME, this.root), { cache: 'no-cache', signal })
    if (response.status >= 500 || response.status === 429) return
    if (!response.ok) return await this.#forget()
    if (Number(response.headers.get('content-length')) > MAX_MANIFEST_BYTES) return this.#reject('too large')
    const text = await response.text()
    if (text === this.#text) return
    this.#use(text)
    await this.save().catch(() => {})
  }

  #use(text: string): void {
    const before = this.#manifest
    try {
      const manifest = parseManifest(JSON.parse(text))
      this.#manifest = manifest
      this.#state = manifest.disabled ? 'disabled' : 'good'
      this.#listings = new Map(
        manifest.swarms.flatMap((swarm) => swarm.files.map((file) => [file.path, this.#listing(file, swarm)] as const)),
      )
    } catch (error) {
      this.#reject(error)
      this.#text = text
      return
    }
    this.#text = text
    this.#events.changed(this.#manifest, before)
  }

  /** A file that is still the same stays the same object, by which readers and transfers know it. */
  #listing(file: ManifestFile, swarm: SwarmManifest): Listing {
    const known = this.#listings.get(file.path)
    return known?.swarm.infoHash === swarm.infoHash && known.file.type === file.type ? known : { file, swarm }
  }

  #reject(error: unknown): void {
    this.#text = undefined
    this.#manifest = undefined
    this.#listings = new Map()
    this.#state = 'broken'
    this.#events.broken(error)
  }

  async #forget(): Promise<void> {
    const before = this.#manifest
    this.#text = undefined
    this.#manifest = undefined
    this.#listings = new Map()
    this.#state = 'none'
    this.#events.changed(undefined, before)
    await this.#values.delete(KEY).catch(() => {})
  }
}
