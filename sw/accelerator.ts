import type { Fallback, WorkerMessage, WorkerState, WorkerStats } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'
import type { Manifest, SwarmManifest } from '../protocol/manifest.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { RunStore, ValueStore } from '../store/chunk-store.ts'
import { openIndexedDb } from '../store/indexeddb.ts'
import { openNoStore } from '../store/none.ts'
import { AHEAD_BYTES } from '../supply/demand.ts'
import { hashesKey, SwarmHashes } from '../supply/hashes.ts'
import { PATIENCE, type Patience } from '../supply/patience.ts'
import { ChunkSink } from '../supply/sink.ts'
import { Supply } from '../supply/supply.ts'
import { SwarmCache } from '../supply/swarm-cache.ts'
import { answer, foreignAnswer, MediaCursors, plainAnswer } from './answer.ts'
import { FileNotes } from './file-notes.ts'
import { Lifetime } from './lifetime.ts'
import { MeshClient } from './mesh-client.ts'
import { Natives } from './natives.ts'
import { FED, Playbacks } from './playbacks.ts'
import { feedsPlayer, targetOf } from './route.ts'
import { type SwarmSession, ticketFor } from './session.ts'
import { Settings } from './settings.ts'
import { type Listing, Site } from './site.ts'
import { Totals } from './totals.ts'

/** A database that has not opened by then is treated as refused: some browsers never answer. */
const OPEN_DEADLINE_MS = 3_000

export interface AcceleratorHost {
  /** URL of the directory that holds the manifest, ending in `/`. */
  readonly siteRoot: string
  /** The browser's own name for itself (navigator.userAgent). */
  readonly userAgent: string
  /** Posts to all pages. */
  broadcast(message: WorkerMessage): void
  /** The counters changed. */
  statsChanged(): void
  /** A streamed answer has begun; the result is called when it is over. */
  streaming(): () => void
}

/** All that one site's worker knows and does, apart from the worker's own events. */
export class Accelerator {
  readonly lifetime = new Lifetime()
  readonly mesh: MeshClient
  readonly playbacks = new Playbacks()
  readonly natives: Natives
  readonly site: Site
  readonly #host: AcceleratorHost
  readonly #patience: Patience
  readonly #store: RunStore
  readonly #storeKind: WorkerState['store']
  readonly #values: ValueStore
  readonly #settings: Settings
  readonly #totals: Totals
  readonly #notes: FileNotes
  readonly #sink: ChunkSink
  readonly #cursors = new MediaCursors()
  readonly #sessions = new Map<InfoHash, Promise<SwarmSession>>()
  /** Swarms that have, or once had, chunks in the store. */
  readonly #stored = new Set<InfoHash>()
  /** Sessions that are open by now. */
  readonly #open = new Map<InfoHash, SwarmSession>()

  private constructor(host: AcceleratorHost, stores: OpenStores, patience: Patience) {
    this.#host = host
    this.#patience = patience
    this.#store = stores.chunks
    this.#values = stores.values
    this.#storeKind = stores.kind
    this.#settings = new Settings(stores.values)
    this.natives = new Natives(stores.values, this.lifetime, host.userAgent)
    this.#totals = new Totals(stores.values, host.statsChanged)
    this.#notes = new FileNotes(stores.values, this.lifetime, (fallback) => this.#fellBack(fallback))
    this.site = new Site(host.siteRoot, stores.values, {
      broken: (problem) => this.#fellBack({ reason: 'manifest-broken', detail: String(problem) }),
      changed: (manifest, before) => this.lifetime.track(this.#followManifest(manifest, before)),
    })
    const uploaded = (host: string, swarm: InfoHash, total: number) =>
      this.#totals.uploadedSoFar(`${host}/${swarm}`, total)
    this.mesh = new MeshClient({ broadcast: host.broadcast, uploaded, changed: host.statsChanged }, patience)
    this.#sink = new ChunkSink(stores.chunks, {
      stored: (swarm, chunks) => {
        this.#stored.add(swarm)
        const session = this.#open.get(swarm)
        session?.cache.stored(chunks, (chunk) => session.supply.demands.comeTo(chunk, AHEAD_BYTES))
        this.mesh.stored(swarm, chunks)
      },
      shed: (swarm, chunk) => {
        const session = this.#open.get(swarm)
        session?.cache.keepUnstored(chunk, session.supply.demands.comeTo(chunk))
      },
      makeRoom: (keep) => this.makeRoom(keep),
      failed: (error) => this.#fellBack({ reason: 'store-failed', detail: String(error) }),
    })
  }

  static async open(host: AcceleratorHost, { stores, patience = PATIENCE }: Provided = {}): Promise<Accelerator> {
    const accelerator = new Accelerator(host, stores ?? (await openStores()), patience)
    // Settings and counters that cannot be read are as good as none.
    const loading = [accelerator.#settings.load(), accelerator.#totals.load(), accelerator.site.load()]
    loading.push(accelerator.#listStored(), accelerator.natives.load())
    await Promise.allSettled(loading.map((part) => withDeadline(part, patience.store)))
    return accelerator
  }

  /** Answers a request that `mightServe`. */
  async respond(request: Request, clientId: string): Promise<Response> {
    const target = targetOf(request.url)
    this.lifetime.trackLater(() => this.site.revalidate())
    const listing = this.natives.has(clientId, request) ? undefined : this.site.find(target.url)
    const session = listing && (await this.#served(listing))
    const isMade = this.natives.isMade(clientId, request, Boolean(session))
    if (!listing) return await foreignAnswer(request, isMade)
    const { swarm, file } = listing
    if (!session) return await this.#plain({ request, target, isMade }, file.path)
    session.asked.add(file)
    this.#takePart(session)
    return await answer(
      { request, clientId, target, file, session, isMade },
      {
        userAgent: this.#host.userAgent,
        cursors: this.#cursors,
        playback: () => this.playbacks.now(clientId, feedsPlayer(request, file) ? FED : target.url),
        head: (file) => this.#notes.head(swarm, file),
        answered: (file, origin) => this.#notes.answered(swarm, file, origin),
        served: (bytes) => this.#totals.add('cache', bytes),
        streaming: this.#host.streaming,
      },
    )
  }

  /** Undefined when the file has to come from the origin alone. */
  async #served(listing: Listing): Promise<SwarmSession | undefined> {
    const preparing = this.#serving ? this.#prepare(listing) : undefined
    const session = preparing && (await withDeadline(preparing, this.#patience.prepare).catch(() => undefined))
    return this.#notes.isBypassed(listing.swarm, listing.file) ? undefined : session
  }

  /** Whether a request for `url` would be answered from chunks now. */
  serves(url: string): boolean {
    const listing = this.site.find(targetOf(url).url)
    return listing !== undefined && this.#serving && !this.#notes.isBypassed(listing.swarm, listing.file)
  }

  get #serving(): boolean {
    return this.#settings.chosen.mode === 'on' && this.#storeKind !== 'none'
  }

  stats(): WorkerStats {
    const chunks = [...this.#open.values()].flatMap(({ cache, asked }) =>
      [...asked].map((file) => cache.chunksOf(file)),
    )
    return { bytes: this.#totals.bytes, peers: this.mesh.peers, chunks }
  }

  state(): WorkerState {
    const { state, fileCount } = this.site
    return { ...this.#settings.chosen, manifest: state, files: fileCount, store: this.#storeKind }
  }

  async setMode(mode: WorkerState['mode']): Promise<void> {
    if (mode !== 'on') this.mesh.leaveAll()
    if (mode !== this.#settings.chosen.mode) await this.#settings.change({ mode })
  }

  async setSharing(sharing: boolean): Promise<void> {
    this.mesh.setSharing(sharing)
    await this.#settings.change({ sharing })
  }

  /** Forgets everything but the manifest, and what open pages play. */
  async clear(): Promise<void> {
    for (const infoHash of await this.#store.swarms()) await this.#drop(infoHash)
    await this.#values.clear()
    this.#settings.reset()
    this.#notes.forget()
    await this.#totals.clear()
    await Promise.all([this.site.save(), this.natives.save()])
  }

  /** Gives up the chunks of the swarm that was used longest ago. Resolves with false when there is none but `keep`. */
  async makeRoom(keep?: InfoHash): Promise<boolean> {
    const oldest = (await this.#store.swarms()).find((infoHash) => infoHash !== keep)
    if (oldest !== undefined) await this.#drop(oldest)
    return oldest !== undefined
  }

  async #plain(asked: Parameters<typeof plainAnswer>[0], path: string): Promise<Response> {
    const response = await plainAnswer(asked, path)
    if (this.#settings.chosen.mode === 'shadow')
      this.#totals.add('origin', Number(response.headers.get('content-length')))
    return response
  }

  async #prepare({ swarm, file }: Listing): Promise<SwarmSession> {
    const noted = this.#notes.load(swarm, file)
    // Of a swarm that was never stored there is mostly nothing to know: its first byte does not wait for the store.
    if (!this.#stored.has(swarm.infoHash)) this.lifetime.track(noted)
    else await noted
    return await this.#session(swarm)
  }

  async #listStored(): Promise<void> {
    for (const infoHash of await this.#store.swarms()) this.#stored.add(infoHash)
  }

  #session(swarm: SwarmManifest): Promise<SwarmSession> {
    const known = this.#sessions.get(swarm.infoHash)
    if (known) return known
    const opening = this.#openSession(swarm)
    this.#sessions.set(swarm.infoHash, opening)
    opening.catch(() => this.#sessions.delete(swarm.infoHash))
    return opening
  }

  async #openSession(swarm: SwarmManifest): Promise<SwarmSession> {
    const hashes = new SwarmHashes(swarm, this.site.root, this.#values)
    const cache = await SwarmCache.open({
      swarm,
      store: this.#store,
      isNew: !this.#stored.has(swarm.infoHash),
      patience: this.#patience,
      verifier: () => hashes.verifier(),
      verified: (from, file, chunk, slot) => {
        if (slot.source === 'peers') this.#totals.add('peers', slot.length)
        // A manifest that came meanwhile may not name the swarm any more.
        if (this.#open.get(swarm.infoHash)?.cache !== from) return from.keepUnstored(chunk, false)
        if (slot.source === 'origin') this.mesh.hold(swarm.infoHash, chunk, slot.bytes)
        this.#sink.add({ swarm: swarm.infoHash, chunk, bytes: slot.bytes, chunkSize: file.chunkSize })
        this.lifetime.track(this.#sink.settled())
      },
      mismatched: (_, file, chunk) => {
        const detail = `chunk ${chunk} does not match its hash`
        this.#notes.bypass(swarm, file, 'file-changed', detail)
      },
    })
    const supply = new Supply({
      cache,
      mesh: this.mesh,
      patience: this.#patience,
      received: (bytes) => this.#totals.add('origin', bytes),
      answered: (file, origin) => this.#notes.answered(swarm, file, origin),
      extend: (work) => this.lifetime.track(work),
    })
    const session: SwarmSession = { cache, supply, hashes, asked: new Set() }
    this.#open.set(swarm.infoHash, session)
    return session
  }

  /** Joins the swarm, to fetch and to serve. Not waited for. */
  #takePart({ cache, hashes }: SwarmSession): void {
    const mesh = this.site.manifest?.mesh
    const { swarm } = cache
    this.lifetime.trackLater(() => this.#store.touch(swarm.infoHash))
    if (!mesh || mesh.announce.length === 0) return
    this.mesh.join(swarm.infoHash, () =>
      this.lifetime.trackLater(async () => ticketFor(swarm, await hashes.bytes(), mesh, this.site.root)),
    )
  }

  /** Swarms that the manifest does not name any more are of no use to anybody. */
  async #followManifest(manifest: Manifest | undefined, before: Manifest | undefined): Promise<void> {
    const named = new Set(manifest?.swarms.map(({ infoHash }) => infoHash))
    this.mesh.leaveAll(manifest?.disabled ? undefined : named)
    if (!manifest) return
    for (const infoHash of [...this.#sessions.keys()]) {
      if (named.has(infoHash)) continue
      this.#sessions.delete(infoHash)
      this.#open.delete(infoHash)
    }
    for (const swarm of before?.swarms ?? []) if (!named.has(swarm.infoHash)) await this.#forget(swarm)
    for (const infoHash of await this.#store.swarms()) if (!named.has(infoHash)) await this.#drop(infoHash)
  }

  async #forget(swarm: SwarmManifest): Promise<void> {
    await this.#values.delete(hashesKey(swarm))
    await this.#notes.drop(swarm)
  }

  async #drop(infoHash: InfoHash): Promise<void> {
    await this.#store.drop(infoHash)
    this.#open.get(infoHash)?.cache.forgetStored()
    this.mesh.dropped(infoHash)
  }

  #fellBack(fallback: Fallback): void {
    this.#host.broadcast({ tributary: 'fallback', fallback })
  }
}

/** What is made here unless it is handed in. */
interface Provided {
  readonly stores?: OpenStores
  readonly patience?: Patience
}

export interface OpenStores {
  readonly kind: WorkerState['store']
  readonly chunks: RunStore
  readonly values: ValueStore
}

async function openStores(): Promise<OpenStores> {
  try {
    return { kind: 'indexeddb', ...(await withDeadline(openIndexedDb(), OPEN_DEADLINE_MS)) }
  } catch {
    return { kind: 'none', ...openNoStore() }
  }
}
