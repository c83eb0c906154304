import { ChunkCache } from '../../mesh/chunk-cache.ts'
import { MetadataServer } from '../../mesh/metadata-server.ts'
import { Scout } from '../../mesh/scout.ts'
import type { SwarmDriver } from '../../mesh/swarm-driver.ts'
import type { SwarmStatus } from '../../protocol/delivery.ts'
import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { IceServer, SwarmManifest } from '../../protocol/manifest.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { Bell } from '../../supply/bell.ts'
import { PATIENCE, URGENCY } from '../../supply/patience.ts'
import type { MeshPeers } from '../../supply/peers.ts'
import { PeerPort, type PeerPortOptions } from '../peer-port.ts'
import { chunksIn } from '../swarm-host.ts'
import type { EdgeSwarm } from './edge-swarm.ts'
import { type Member, newMember } from './member.ts'

export interface EdgeMeshOptions extends Omit<PeerPortOptions, 'wake' | 'onAnnounced'> {
  /** Opens a swarm that somebody asks for. */
  readonly open: (swarm: SwarmManifest) => Promise<EdgeSwarm>
  /** What is stored of it. */
  readonly held: (infoHash: InfoHash) => Promise<readonly ChunkSpan[]>
  readonly read: (infoHash: InfoHash, chunk: ChunkIndex) => Promise<Uint8Array<ArrayBuffer> | undefined>
  /** Somebody in a swarm lacks something. */
  readonly onInterest: (swarm: SwarmManifest) => void
  /** Stored chunks kept in memory for peers, which ask block by block: bytes. */
  readonly cacheBytes: number
}

/** A swarm in which nobody reads and nobody is connected goes to sleep after this long. */
const IDLE_MS = 60_000
/** Peers are not asked again for a chunk that they failed to bring for this long. */
const REFUSED_FOR_MS = 5_000
const MAX_REFUSED = 4096

/** An edge among the peers of its site's swarms: what it fetches from them and what they fetch from it. */
export class EdgeMesh implements MeshPeers {
  /** Peers that sent something with a wrong hash. */
  banned = 0
  readonly #options: EdgeMeshOptions
  readonly #port: PeerPort
  readonly #members = new Map<InfoHash, Member>()
  readonly #cache: ChunkCache
  readonly #bell = new Bell()
  readonly #scout: Scout
  #uploadedBefore = 0

  constructor(options: EdgeMeshOptions) {
    this.#options = options
    this.#cache = new ChunkCache(options.cacheBytes)
    this.#port = new PeerPort({
      ...options,
      wake: (infoHash) => this.#wake(infoHash),
      onAnnounced: ({ infoHash, others, lacking }) => {
        const member = this.#members.get(infoHash)
        if (member) Object.assign(member, { others, seeds: others - lacking })
        this.#bell.ring()
        if (member && lacking > 0 && this.isAwake(infoHash)) options.onInterest(member.swarm)
      },
    })
    const { node, clock } = this.#port
    this.#scout = new Scout({ clock, seek: (infoHash, chunk) => node.seek(infoHash, chunk) })
  }

  /** Whether each tracker is connected. */
  get trackers(): ReadonlyMap<string, boolean> {
    return this.#port.announcer.trackers
  }

  /** Clients of the DHT that we are linked with. */
  get dhtLinks(): number {
    return this.#port.dht?.links ?? 0
  }

  /** Bytes that are on their way out. */
  get buffered(): number {
    return this.#port.buffered
  }

  /** Bytes sent, those of swarms that were left included. */
  get uploaded(): number {
    return [...this.#members.keys()].reduce((sum, infoHash) => sum + this.uploadedIn(infoHash), this.#uploadedBefore)
  }

  get infoHashes(): InfoHash[] {
    return [...this.#members.keys()]
  }

  uploadedIn(infoHash: InfoHash): number {
    return (this.#members.get(infoHash)?.uploadedBefore ?? 0) + (this.#port.node.swarm(infoHash)?.swarm.uploaded ?? 0)
  }

  peersIn(infoHash: InfoHash): number {
    return this.#port.node.swarm(infoHash)?.swarm.peers ?? 0
  }

  isAwake(infoHash: InfoHash): boolean {
    return this.#port.node.swarm(infoHash) !== undefined
  }

  setTrackers(urls: readonly string[], iceServers: readonly IceServer[]): void {
    this.#port.meetAt(urls, iceServers)
  }

  /** Lets trackers know us in a swarm: whoever wants something of it finds us. */
  async list(swarm: SwarmManifest): Promise<void> {
    const { infoHash } = swarm
    if (this.#members.has(infoHash)) return
    this.#members.set(infoHash, newMember(swarm, this.#port.clock.now()))
    await this.#announce(infoHash)
  }

  /** Takes part in a swarm from now on: somebody here wants something of it. */
  async join(swarm: SwarmManifest): Promise<void> {
    const { infoHash } = swarm
    await this.list(swarm)
    const member = this.#members.get(infoHash)
    if (member === undefined) return
    member.askedMs = this.#port.clock.now()
    if (member.seeks && this.isAwake(infoHash)) return
    member.seeks = true
    await this.#announce(infoHash)
    await this.#wake(infoHash)
    this.#port.announcer.hurry(infoHash)
  }

  leave(infoHash: InfoHash): void {
    this.#uploadedBefore += this.uploadedIn(infoHash)
    this.#members.delete(infoHash)
    this.#scout.loading(infoHash, [], 0)
    this.#port.announcer.remove(infoHash)
    this.#port.node.leave(infoHash)
    this.#port.dht?.withdraw(infoHash)
  }

  /** These chunks can be served from now on. */
  async stored(infoHash: InfoHash, chunks: ChunkSpan): Promise<void> {
    this.#port.node.swarm(infoHash)?.stored(chunks)
    await this.#announce(infoHash)
  }

  /** These chunks are not stored any more. */
  dropped(infoHash: InfoHash, chunks: ChunkSpan): void {
    this.#port.node.swarm(infoHash)?.dropped(chunks)
  }

  /** Puts swarms to sleep in which nothing happens. @returns those that sleep, with when they were last asked for */
  async sweep(isRead: (infoHash: InfoHash) => boolean): Promise<Map<InfoHash, { idleMs: number }>> {
    const { clock, node, desk } = this.#port
    const asleep = new Map<InfoHash, { idleMs: number }>()
    for (const [infoHash, member] of this.#members) {
      if (this.peersIn(infoHash) > 0 || desk.isConnecting(infoHash) || isRead(infoHash)) member.askedMs = clock.now()
      const idleMs = clock.now() - member.askedMs
      if (this.isAwake(infoHash) && idleMs >= IDLE_MS && clock.now() - member.joinedMs >= IDLE_MS) {
        member.uploadedBefore = this.uploadedIn(infoHash)
        node.leave(infoHash)
      }
      member.seeks &&= this.isAwake(infoHash) && idleMs < IDLE_MS
      await this.#announce(infoHash)
      if (!this.isAwake(infoHash)) asleep.set(infoHash, { idleMs })
    }
    return asleep
  }

  /** How many others hold a chunk, at least: of those that have everything some may be connected, too. */
  holders(infoHash: InfoHash, chunk: ChunkIndex): number {
    const connected = this.#port.node.swarm(infoHash)?.swarm.holders(chunk) ?? 0
    return Math.max(this.#members.get(infoHash)?.seeds ?? 0, connected)
  }

  /** Meets nobody any more, and sends what it has begun to send. */
  async retire(graceMs: number): Promise<void> {
    await this.#port.retire(graceMs)
  }

  close(): void {
    this.#scout.close()
    this.#uploadedBefore = this.uploaded
    this.#members.clear()
    this.#port.close()
    this.#cache.clear()
  }

  // What the supply of a swarm asks

  status(infoHash: InfoHash): SwarmStatus | undefined {
    const member = this.#members.get(infoHash)
    const swarm = this.#port.node.swarm(infoHash)?.swarm
    if (member === undefined || swarm === undefined) return undefined
    const { peers, available, loading, room } = swarm
    const expected = Math.max(0, Math.min((member.others ?? 0) - peers, room))
    return { phase: this.#phase(member, peers), peers, available, loading, expected, uploaded: swarm.uploaded }
  }

  sinceJoinMs(infoHash: InfoHash): number {
    const member = this.#members.get(infoHash)
    return member === undefined ? 0 : this.#port.clock.now() - member.joinedMs
  }

  async fetchChunk(infoHash: InfoHash, chunk: ChunkIndex, isUrgent?: boolean): Promise<ArrayBuffer | undefined> {
    const deadlineMs = PATIENCE.peerChunk / (isUrgent ? URGENCY : 1)
    return (await this.#port.node.swarm(infoHash)?.fetch(chunk, deadlineMs))?.buffer
  }

  cancelChunk(infoHash: InfoHash, chunk: ChunkIndex): void {
    this.#port.node.swarm(infoHash)?.cancel(chunk)
  }

  loading(infoHash: InfoHash, chunks: readonly ChunkSpan[]): void {
    const member = this.#members.get(infoHash)
    if (member === undefined) return
    member.loading = chunks
    this.#sayLoading(member)
  }

  refused(infoHash: InfoHash, chunk: ChunkIndex): void {
    const refusedAt = this.#members.get(infoHash)?.refusedAt
    if (refusedAt && refusedAt.size >= MAX_REFUSED) refusedAt.clear()
    refusedAt?.set(chunk, this.#port.clock.now())
  }

  wasRefused(infoHash: InfoHash, chunk: ChunkIndex): boolean {
    const at = this.#members.get(infoHash)?.refusedAt.get(chunk)
    return at !== undefined && this.#port.clock.now() - at < REFUSED_FOR_MS
  }

  async change(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }

  // Waking

  /** The running swarm, started where it slept; undefined when we take no part in it. */
  async #wake(infoHash: InfoHash): Promise<SwarmDriver | undefined> {
    const running = this.#port.node.swarm(infoHash)
    const member = this.#members.get(infoHash)
    if (running || member === undefined) return running
    member.waking ??= this.#start(member).finally(() => {
      member.waking = undefined
    })
    return await member.waking
  }

  async #start(member: Member): Promise<SwarmDriver | undefined> {
    const { open, held, read } = this.#options
    const { infoHash, chunkCount, files } = member.swarm
    const opened = await open(member.swarm)
    const [proofs, info] = await Promise.all([opened.proofs(), opened.info()])
    const spans = await held(infoHash)
    if (this.#members.get(infoHash) !== member) return undefined
    member.joinedMs = this.#port.clock.now()
    this.#port.node.join({
      infoHash,
      chunkCount,
      files,
      announce: [], // the announcer speaks for all swarms
      transport: this.#port.transport,
      held: spans,
      read: (chunk) => this.#cache.read(`${infoHash}/${chunk}`, () => read(infoHash, chunk)),
      verify: (chunk, bytes) => opened.check(chunk, bytes),
      ...(proofs && { proofs }),
      ...(info && { metadata: new MetadataServer(info.length, async () => info) }),
      onBan: () => this.banned++,
      onStatus: () => this.#bell.ring(),
    })
    const driver = this.#port.node.swarm(infoHash)
    // What was stored while we asked for what is stored.
    for (const span of await held(infoHash)) driver?.stored(span)
    this.#sayLoading(member) // it may have begun before
    // Who else is there matters now.
    this.#port.announcer.hurry(infoHash)
    return driver
  }

  #sayLoading({ swarm: { infoHash, chunkCount }, loading }: Member): void {
    this.#port.node.swarm(infoHash)?.loading(loading)
    this.#scout.loading(infoHash, loading, chunkCount)
  }

  /** What trackers are told at the next announce. */
  async #announce(infoHash: InfoHash): Promise<void> {
    const held = await this.#options.held(infoHash)
    const member = this.#members.get(infoHash)
    if (member === undefined) return
    const { chunkCount } = member.swarm
    this.#port.dht?.serve(infoHash, chunkCount, held)
    const missing = chunkCount - chunksIn(held)
    const uploaded = this.uploadedIn(infoHash)
    this.#port.announcer.add({ infoHash, missing, uploaded, seeks: member.seeks })
  }

  #phase({ others }: Member, peers: number): SwarmStatus['phase'] {
    if (peers > 0) return 'up'
    if (![...this.trackers.values()].includes(true)) return others === undefined ? 'joining' : 'down'
    return others === undefined ? 'joining' : 'up'
  }
}
