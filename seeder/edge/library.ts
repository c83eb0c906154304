import { withDeadline } from '../../protocol/deadline.ts'
import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../../protocol/units.ts'
import { chooseVictims, type Evictable } from '../../store/evicting.ts'
import type { DiskStore } from '../../store/leveldb.ts'
import { PATIENCE } from '../../supply/patience.ts'
import type { MeshPeers } from '../../supply/peers.ts'
import { ChunkSink } from '../../supply/sink.ts'
import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { type EdgeBytes, EdgeSwarm } from './edge-swarm.ts'
import { NO_PEERS } from './no-peers.ts'
import { WaryStore } from './wary-store.ts'

export interface LibraryOptions {
  readonly disk: DiskStore
  /** What chunks may take of the disk. */
  readonly capacity: number
  readonly siteRoot: string
  /** Nobody when absent. */
  readonly mesh?: MeshPeers
  /** How many others hold a chunk, as far as known; Infinity for one that nobody can ask for any more. */
  readonly holders: (swarm: InfoHash, chunk: ChunkIndex) => number
  /** These chunks can be served to peers from now on. */
  readonly onStored: (swarm: InfoHash, chunks: ChunkSpan) => void
  /** These cannot be any more. */
  readonly onDropped: (swarm: InfoHash, chunks: ChunkSpan) => void
  readonly log: Log
}

/** Room is made for more than one write: to choose takes longer than to drop. */
const EVICTED_AT_ONCE = 32 * MiB
const EVICTED_SHARE = 1 / 8

/** A file that is not as in the manifest is passed on as the origin has it; after this long it is looked at again. */
const DIFFERS_FOR_MS = 60_000

/** What waits to be written when an edge stops is written in this time. */
const SETTLE_MS = 1_000

/** All swarms that an edge has something to do with, and the disk that they share. */
export class Library {
  evicted = { runs: 0, bytes: 0 }
  /** Chunks that the disk did not give back as they were. */
  spoilt = 0
  readonly #options: LibraryOptions
  readonly #store: WaryStore
  readonly #sink: ChunkSink
  readonly #swarms = new Map<InfoHash, Promise<EdgeSwarm>>()
  readonly #open = new Map<InfoHash, EdgeSwarm>()
  /** Of swarms that were closed. */
  readonly #bytesBefore = new Map<InfoHash, EdgeBytes>()
  readonly #differing = new Map<string, number>()
  #lastFailure = ''

  constructor(options: LibraryOptions) {
    this.#options = options
    this.#store = new WaryStore({
      store: options.disk,
      check: async (infoHash, chunk, bytes) => (await this.#checker(infoHash)).check(chunk, bytes),
      spoilt: (swarm, chunk, gone) => {
        this.spoilt++
        this.#dropped(gone)
        options.log('warn', 'the disk has spoilt a chunk: it is fetched again', { swarm, chunk })
      },
    })
    this.#sink = new ChunkSink(this.#store, {
      stored: (infoHash, chunks) => {
        this.#lastFailure = ''
        this.#open.get(infoHash)?.cache.stored(chunks, () => false)
        options.log('debug', 'stored', { swarm: infoHash, first: chunks.first, after: chunks.after })
        options.onStored(infoHash, chunks)
      },
      shed: (infoHash, chunk) => {
        const swarm = this.#open.get(infoHash)
        swarm?.cache.keepUnstored(chunk, swarm.supply.demands.comeTo(chunk))
      },
      makeRoom: () => this.#makeRoom(),
      failed: (error) => this.#failed(error),
    })
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#sink.pendingBytes
  }

  /** Bytes by swarm and source, those of closed swarms included. */
  get bytes(): ReadonlyMap<InfoHash, EdgeBytes> {
    const bytes = new Map(this.#bytesBefore)
    for (const [infoHash, { bytes: now }] of this.#open) bytes.set(infoHash, sum(bytes.get(infoHash), now))
    return bytes
  }

  /** Readers at this moment. */
  get readers(): number {
    let count = 0
    for (const { supply } of this.#open.values()) count += [...supply.demands.all].length
    return count
  }

  /** Swarms that are open. */
  get infoHashes(): InfoHash[] {
    return [...this.#open.keys()]
  }

  /** Whether anybody reads of a swarm. */
  isRead(infoHash: InfoHash): boolean {
    return this.#open.get(infoHash)?.supply.demands.some ?? false
  }

  open(swarm: SwarmManifest): Promise<EdgeSwarm> {
    const known = this.#swarms.get(swarm.infoHash)
    if (known) return known
    const opening = this.#openSwarm(swarm)
    this.#swarms.set(swarm.infoHash, opening)
    opening.catch(() => this.#swarms.delete(swarm.infoHash))
    return opening
  }

  /** Forgets what is only in memory. Readers that are under way read on. */
  close(infoHash: InfoHash): void {
    const swarm = this.#open.get(infoHash)
    this.#swarms.delete(infoHash)
    this.#open.delete(infoHash)
    if (swarm) this.#bytesBefore.set(infoHash, sum(this.#bytesBefore.get(infoHash), swarm.bytes))
  }

  /** A stored chunk, for peers. */
  async read(infoHash: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#store.read(infoHash, chunk)
  }

  /** Whether the origin was found to have another file than the manifest says. */
  differs({ path }: ManifestFile): boolean {
    const until = this.#differing.get(path)
    return until !== undefined && Date.now() < until
  }

  /** There is a new manifest: what was found of files is to be found out anew. */
  forgetDifferences(): void {
    this.#differing.clear()
  }

  /** Writes what waits to be written. */
  async settle(): Promise<void> {
    await withDeadline(this.#sink.settled(), SETTLE_MS).catch(() => undefined) // it is fetched again
  }

  async #openSwarm(swarm: SwarmManifest): Promise<EdgeSwarm> {
    const { siteRoot, disk, mesh = NO_PEERS, log } = this.#options
    const opened = await EdgeSwarm.open({
      swarm,
      siteRoot,
      store: this.#store,
      values: disk.values,
      sink: this.#sink,
      mesh,
      patience: PATIENCE,
      differs: (file, detail) => this.#markDiffering(file, detail),
      extend: (work) => void work.catch((error) => log('debug', 'a fetch failed', { reason: reasonOf(error) })),
    })
    this.#open.set(swarm.infoHash, opened)
    return opened
  }

  async #checker(infoHash: InfoHash): Promise<EdgeSwarm> {
    const swarm = await this.#swarms.get(infoHash)
    if (swarm === undefined) throw new RangeError('the swarm is not open')
    return swarm
  }

  #markDiffering(file: ManifestFile, detail: string): void {
    const isNew = !this.#differing.has(file.path)
    this.#differing.set(file.path, Date.now() + DIFFERS_FOR_MS)
    const { log } = this.#options
    if (isNew) log('warn', `${file.path} is not as in the manifest: it is passed on as the origin has it`, { detail })
  }

  async #makeRoom(): Promise<boolean> {
    const { disk, capacity, holders } = this.#options
    const most = Math.min(EVICTED_AT_ONCE, capacity * EVICTED_SHARE)
    const victims = chooseVictims(disk.stored(), most, ({ swarm, chunks }) => {
      let rarest = Number.POSITIVE_INFINITY
      for (let chunk = chunks.first; chunk < chunks.after; chunk++)
        rarest = Math.min(rarest, holders(swarm, chunk as ChunkIndex))
      return rarest
    })
    for (const victim of victims) {
      const gone = await this.#store.forget(victim.swarm, victim.chunks)
      this.#dropped(gone)
      for (const { bytes } of gone) this.evicted = { runs: this.evicted.runs + 1, bytes: this.evicted.bytes + bytes }
    }
    return victims.length > 0
  }

  #dropped(runs: readonly Evictable[]): void {
    for (const { swarm, chunks } of runs) {
      this.#open.get(swarm)?.cache.forgetStored(chunks)
      this.#options.onDropped(swarm, chunks)
    }
  }

  /** Once for each reason, until something could be stored again. */
  #failed(error: unknown): void {
    const reason = reasonOf(error)
    if (this.#lastFailure === reason) return
    this.#lastFailure = reason
    const { log } = this.#options
    log('error', `nothing can be stored (${reason}): what comes is passed on unstored - look after the disk`)
  }
}

function sum(a: EdgeBytes | undefined, b: EdgeBytes): EdgeBytes {
  return {
    origin: (a?.origin ?? 0) + b.origin,
    peers: (a?.peers ?? 0) + b.peers,
    cache: (a?.cache ?? 0) + b.cache,
  }
}
