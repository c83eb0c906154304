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
import { isBusy } from '../supply/origin.ts'

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

/** A manifest, or why there is none. */
interface InForce {
  readonly state: WorkerState['manifest']
  readonly manifest?: Manifest | undefined
  /** As it was fetched, to be stored for the next worker and to know it again. */
  readonly text?: string | undefined
  readonly listings: ReadonlyMap<string, Listing>
}

const NO_LISTINGS: ReadonlyMap<string, Listing> = new Map()

/** Keeps the manifest: in memory while the worker lives, in the store beyond that, revalidated in the background. */
export class Site {
  /** URL of the directory that holds the manifest, ending in `/`. */
  readonly root: string
  readonly #values: ValueStore
  readonly #events: SiteEvents
  #now: InForce = { state: 'none', listings: NO_LISTINGS }
  #checkedAt = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined

  constructor(root: string, values: ValueStore, events: SiteEvents) {
    this.root = root
    this.#values = values
    this.#events = events
  }

  get state(): WorkerState['manifest'] {
    return this.#now.state
  }

  get manifest(): Manifest | undefined {
    return this.#now.manifest
  }

  get fileCount(): number {
    return this.#now.listings.size
  }

  /** What is stored is in memory from now on. */
  async load(): Promise<void> {
    const text = await this.#values.get(KEY)
    if (typeof text === 'string' && this.#now.text === undefined) this.#use(text)
  }

  /** The file that `url` names, or undefined. */
  find(url: string): Listing | undefined {
    const { state, manifest, listings } = this.#now
    if (!manifest || state !== 'good') return undefined
    const path = pathOfUrl(url, this.root, manifest.ignorableParameters)
    return path === undefined ? undefined : listings.get(path)
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
    if (this.#now.text !== undefined) await this.#values.set(KEY, this.#now.text)
  }

  async #check(): Promise<void> {
    const signal = AbortSignal.timeout(FETCH_DEADLINE_MS)
    const response = await fetch(new URL(MANIFEST_NAME, this.root), { cache: 'no-cache', signal })
    if (isBusy(response)) return
    if (!response.ok) {
      this.#replace({ state: 'none', listings: NO_LISTINGS })
      return await this.#values.delete(KEY)
    }
    if (Number(response.headers.get('content-length')) > MAX_MANIFEST_BYTES) return this.#reject('too large')
    const text = await response.text()
    if (text === this.#now.text) return
    this.#use(text)
    await this.save()
  }

  #use(text: string): void {
    try {
      const manifest = parseManifest(JSON.parse(text))
      const listings = manifest.swarms.flatMap((swarm) => swarm.files.map((file) => this.#listing(file, swarm)))
      this.#replace({
        state: manifest.disabled ? 'disabled' : 'good',
        manifest,
        text,
        listings: new Map(listings.map((listing) => [listing.file.path, listing])),
      })
    } catch (error) {
      this.#reject(error, text)
    }
  }

  /** A file that is still the same stays the same object, by which readers and transfers know it. */
  #listing(file: ManifestFile, swarm: SwarmManifest): Listing {
    const known = this.#now.listings.get(file.path)
    return known?.swarm.infoHash === swarm.infoHash && known.file.type === file.type ? known : { file, swarm }
  }

  #replace(next: InForce): void {
    const before = this.#now.manifest
    this.#now = next
    this.#events.changed(next.manifest, before)
  }

  #reject(problem: unknown, text?: string): void {
    this.#now = { state: 'broken', text, listings: NO_LISTINGS }
    this.#events.broken(problem)
  }
}
