import { join } from 'node:path'
import type { Clock } from '../../mesh/clock.ts'
import type { OpenSocket } from '../../mesh/transport.ts'
import type { SwarmManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../../protocol/units.ts'
import type { DiskStore } from '../../store/leveldb.ts'
import { reasonOf, SeederError } from '../errors.ts'
import type { Log } from '../log.ts'
import { nodeClock } from '../node-clock.ts'
import { freshMemory, type NodeMemory, nodeMemory } from '../node-memory.ts'
import type { TransportMaker } from '../node-transport.ts'
import type { PeerLimits } from '../peer-port.ts'
import { type TrackerChoice, trackersOf } from '../trackers.ts'
import { EdgeMesh, type EdgeMeshOptions } from './edge-mesh.ts'
import type { EdgeSwarm } from './edge-swarm.ts'
import { Filler } from './filler.ts'
import { Front } from './front.ts'
import { Library } from './library.ts'
import { Mirror } from './mirror.ts'
import { openStore } from './open-store.ts'
import { RemoteManifest } from './remote-manifest.ts'
import { SiteWatch } from './site-watch.ts'
import { type EdgeStats, statsOf } from './stats.ts'

export interface EdgeOptions extends TrackerChoice, PeerLimits {
  /** URL of the manifest, or of its site. */
  readonly manifestUrl: string
  /** Where chunks rest. */
  readonly folder: string
  /** What chunks may take of the disk, in bytes. */
  readonly cacheSize: number
  /** What readers and peers may have in memory together, in bytes. */
  readonly memory: number
  readonly maxOpenFiles: number
  /** Takes part in all swarms from the start. */
  readonly joinAll: boolean
  /** Undefined: no HTTP. */
  readonly http: { readonly host: string; readonly port: number; readonly maxConnections: number } | undefined
  /** Undefined: no peers. */
  readonly makeTransport: TransportMaker | undefined
  readonly log: Log
  readonly clock?: Clock
  readonly openSocket?: OpenSocket
}

/** Who the edge is in the DHT, and whom it knows there; beside its chunks. */
const MEMORY_NAME = 'dht.json'
const MANIFEST_POLL_MS = 30_000
const SWEEP_MS = 30_000
/** A swarm that nobody has asked for in this time is forgotten but for its chunks. */
const FORGET_MS = 10 * 60_000
/** Of the memory, for chunks that peers are asking for block by block. */
const PEER_SHARE = 1 / 4
const MOST_FOR_PEERS = 64 * MiB

/** A mirror of a site's large files that keeps what it is asked for, and a peer that serves it on. */
export class Edge {
  readonly #options: EdgeOptions
  readonly #clock: Clock
  readonly #disk: DiskStore
  readonly #site: SiteWatch
  readonly #library: Library
  readonly #mesh: EdgeMesh | undefined
  readonly #filler: Filler
  readonly #front: Front
  #mirror: Mirror | undefined
  #work: Promise<void> = Promise.resolve()
  #cancelPoll: (() => void) | undefined
  #cancelSweep: (() => void) | undefined
  #isClosed = false

  private constructor(options: EdgeOptions, disk: DiskStore, site: SiteWatch, dhtMemory: NodeMemory) {
    const { cacheSize, memory, makeTransport, log, clock = nodeClock } = options
    this.#options = options
    this.#clock = clock
    this.#disk = disk
    this.#site = site
    const forPeers = Math.min(memory * PEER_SHARE, MOST_FOR_PEERS)
    const mesh = makeTransport && this.#meshOf(makeTransport, { dhtMemory, cacheBytes: forPeers })
    this.#mesh = mesh
    this.#library = new Library({
      disk,
      capacity: cacheSize,
      siteRoot: site.siteRoot,
      ...(mesh && { mesh }),
      holders: (infoHash, chunk) => this.#holders(infoHash, chunk),
      onStored: (infoHash, chunks) => this.#later(mesh?.stored(infoHash, chunks)),
      onDropped: (infoHash, chunks) => mesh?.dropped(infoHash, chunks),
      log,
    })
    this.#filler = new Filler({
      open: (swarm) => this.#library.open(swarm),
      peersIn: (infoHash) => mesh?.peersIn(infoHash) ?? 0,
      room: () => cacheSize - disk.used - this.#library.pendingBytes,
      clock,
      log,
    })
    this.#front = new Front({
      catalogue: () => site.catalogue,
      manifestText: () => site.text,
      open: (swarm) => this.#asked(swarm),
      differs: (file) => this.#library.differs(file),
      memory: memory - forPeers,
      clock,
      failed: (file, error) => log('debug', `${file.path} does not come`, { reason: reasonOf(error) }),
    })
  }

  /**
   * Starts to serve; trackers are reached in the background.
   * @throws SeederError when the store or the port cannot be used, or no manifest is to be had
   */
  static async start(options: EdgeOptions): Promise<Edge> {
    const { folder, cacheSize, maxOpenFiles, http, log } = options
    const disk = await openStore(folder, { capacity: cacheSize, maxOpenFiles })
    if (!disk.wasClosed) log('warn', 'the edge was not stopped in good order: its store was tidied up', { folder })
    let edge: Edge | undefined
    try {
      const manifest = new RemoteManifest(options.manifestUrl, disk.values)
      // Who cannot be remembered is somebody new.
      const dhtMemory = await nodeMemory(join(folder, MEMORY_NAME)).catch(() => freshMemory())
      edge = new Edge(options, disk, await SiteWatch.open(manifest, log), dhtMemory)
      const front = edge.#front
      if (http)
        edge.#mirror = await Mirror.listen({
          ...http,
          log,
          answer: (request, response) => front.answer(request, response),
        })
      await edge.#follow()
    } catch (error) {
      if (edge) await edge.close(0)
      else await disk.close()
      throw error
    }
    edge.#poll()
    edge.#sweep()
    return edge
  }

  /** Where HTTP is answered. */
  get httpPort(): number | undefined {
    return this.#mirror?.port
  }

  async stats(): Promise<EdgeStats> {
    return statsOf({
      catalogue: this.#site.catalogue,
      disk: this.#disk,
      capacity: this.#options.cacheSize,
      library: this.#library,
      mesh: this.#mesh,
      http: this.#front.counts,
      connections: (await this.#mirror?.connections) ?? 0,
    })
  }

  /** Asks for the manifest now. What is wrong with it is logged, and what was served stays. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      this.#library.forgetDifferences()
      await this.#refresh()
      this.#options.log('info', 'reloaded')
    })
  }

  /** Stops to serve. @param graceMs how long what is being sent may still take */
  async close(graceMs: number): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelPoll?.()
    this.#cancelSweep?.()
    this.#filler.close()
    await Promise.all([this.#mirror?.close(graceMs), this.#mesh?.retire(graceMs)])
    this.#mesh?.close()
    await this.#library.settle()
    await this.#disk.close()
  }

  #meshOf(makeTransport: TransportMaker, kept: Pick<EdgeMeshOptions, 'dhtMemory' | 'cacheBytes'>): EdgeMesh {
    return new EdgeMesh({
      ...this.#options,
      ...kept,
      makeTransport,
      site: this.#options.origin ?? this.#site.siteRoot,
      open: (swarm) => this.#library.open(swarm),
      held: (infoHash) => this.#disk.runs(infoHash),
      read: (infoHash, chunk) => this.#library.read(infoHash, chunk),
      onInterest: (swarm) => this.#later(this.#filler.fill(swarm)),
    })
  }

  /** Somebody asks for a file over HTTP. */
  async #asked(swarm: SwarmManifest): Promise<EdgeSwarm> {
    this.#later(this.#mesh?.join(swarm))
    return await this.#library.open(swarm)
  }

  /** What nobody can ask for any more may go first. */
  #holders(infoHash: InfoHash, chunk: ChunkIndex): number {
    if (this.#site.catalogue.swarm(infoHash) === undefined) return Number.POSITIVE_INFINITY
    return this.#mesh?.holders(infoHash, chunk) ?? 0
  }

  async #refresh(): Promise<void> {
    if (!(await this.#site.refresh()) || this.#isClosed) return
    this.#library.forgetDifferences()
    await this.#follow()
  }

  /** Does what the manifest in force means for swarms and trackers. */
  async #follow(): Promise<void> {
    const { log, joinAll } = this.#options
    const { manifest } = this.#site.catalogue
    const stored = new Set(await this.#disk.swarms())
    const trackers = this.#trackers()
    if (this.#mesh) {
      const listed = (infoHash: InfoHash) => !manifest.disabled && this.#site.catalogue.swarm(infoHash) !== undefined
      for (const infoHash of this.#mesh.infoHashes) if (!listed(infoHash)) this.#mesh.leave(infoHash)
      this.#mesh.setTrackers(manifest.disabled ? [] : trackers, manifest.mesh.iceServers)
      for (const swarm of manifest.disabled ? [] : manifest.swarms)
        if (joinAll || stored.has(swarm.infoHash)) await this.#mesh.list(swarm)
    }
    for (const infoHash of this.#library.infoHashes)
      if (this.#site.catalogue.swarm(infoHash) === undefined) this.#library.close(infoHash)
    const { length } = manifest.swarms
    log('info', 'serving the manifest', { url: this.#site.url, swarms: length, stored: stored.size, trackers })
  }

  /** Without a tracker there are no peers, and HTTP works all the same. */
  #trackers(): string[] {
    const { mesh } = this.#site.catalogue.manifest
    if (mesh.announce.length === 0 && this.#options.announce.length === 0) return []
    return trackersOf(mesh.announce, {
      announce: this.#options.announce,
      origin: this.#options.origin ?? this.#site.siteRoot,
    })
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.after(MANIFEST_POLL_MS, async () => {
      await this.#inTurn(() => this.#refresh())
      if (!this.#isClosed) this.#poll()
    })
  }

  #sweep(): void {
    this.#cancelSweep = this.#clock.after(SWEEP_MS, async () => {
      await this.#inTurn(() => this.#tidy())
      if (!this.#isClosed) this.#sweep()
    })
  }

  /** Forgets swarms that nobody asks for, and stops to announce those of which nothing is stored. */
  async #tidy(): Promise<void> {
    const isRead = (infoHash: InfoHash) => this.#library.isRead(infoHash)
    const asleep = await this.#mesh?.sweep(isRead)
    const stored = new Set(await this.#disk.swarms())
    for (const infoHash of this.#library.infoHashes)
      if (!isRead(infoHash) && (asleep?.get(infoHash)?.idleMs ?? 0) >= FORGET_MS) this.#library.close(infoHash)
    if (this.#options.joinAll) return
    for (const [infoHash, { idleMs }] of asleep ?? [])
      if (idleMs >= FORGET_MS && !stored.has(infoHash)) this.#mesh?.leave(infoHash)
  }

  /** One at a time. A failure leaves things as they are. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#failed(error))
    return this.#work
  }

  /** Work that nobody waits for. */
  #later(work: Promise<void> | undefined): void {
    work?.catch((error) => this.#failed(error))
  }

  #failed(error: unknown): void {
    const mend = error instanceof SeederError ? ` - ${error.mend}` : ''
    const what = error instanceof Error ? error.message : String(error)
    if (!this.#isClosed) this.#options.log('error', `${what}${mend}`)
  }
}
