import { ChunkCache } from '../mesh/chunk-cache.ts'
import type { Clock } from '../mesh/clock.ts'
import type { MeshNode } from '../mesh/mesh-node.ts'
import { MetadataServer } from '../mesh/metadata-server.ts'
import type { SwarmDriver } from '../mesh/swarm-driver.ts'
import type { Transport } from '../mesh/transport.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type InfoHash, MiB } from '../protocol/units.ts'
import type { SwarmSource } from './swarm-source.ts'

export interface SwarmHostOptions {
  readonly node: MeshNode
  readonly clock: Clock
  readonly transport: () => Transport
  /** Which chunks of a swarm can be served now; none takes it off the trackers. Told when it has gone to sleep, too. */
  readonly onOffered: (source: SwarmSource, held: readonly ChunkSpan[], uploaded: number) => void
}

/** A swarm without peers for this long goes back to sleep. */
const IDLE_MS = 60_000
/** Chunks kept in memory: peers ask for the same ones, block by block. */
const CACHE_BYTES = 64 * MiB
/** Swarms whose files are looked at together. */
const SURVEYS_AT_ONCE = 32

interface Hosted {
  readonly source: SwarmSource
  /** Chunks that can be served. */
  offered: number
  /** Bytes sent before the swarm last slept. */
  uploadedBefore: number
  waking: Promise<SwarmDriver | undefined> | undefined
  idleSinceMs: number
}

export interface HostedStats {
  readonly infoHash: InfoHash
  readonly peers: number
  /** Bytes. */
  readonly uploaded: number
  readonly offered: number
  readonly verified: number
  readonly refused: number
  /** Files that are not served as a whole. */
  readonly problems: number
}

/** All swarms of a site. One costs a few hundred bytes until its first peer comes, and again after the last has left. */
export class SwarmHost {
  readonly #options: SwarmHostOptions
  readonly #hosted = new Map<InfoHash, Hosted>()
  readonly #cache = new ChunkCache(CACHE_BYTES)

  constructor(options: SwarmHostOptions) {
    this.#options = options
  }

  get(infoHash: InfoHash): SwarmSource | undefined {
    return this.#hosted.get(infoHash)?.source
  }

  get infoHashes(): InfoHash[] {
    return [...this.#hosted.keys()]
  }

  stats(): HostedStats[] {
    return [...this.#hosted].map(([infoHash, { source, offered, uploadedBefore }]) => {
      const swarm = this.#options.node.swarm(infoHash)?.swarm
      const { verified, refused, problems } = source
      const uploaded = uploadedBefore + (swarm?.uploaded ?? 0)
      return { infoHash, peers: swarm?.peers ?? 0, uploaded, offered, verified, refused, problems }
    })
  }

  add(source: SwarmSource): void {
    const { infoHash } = source.swarm
    this.remove(infoHash)
    this.#hosted.set(infoHash, { source, offered: 0, uploadedBefore: 0, waking: undefined, idleSinceMs: 0 })
  }

  remove(infoHash: InfoHash): void {
    this.#hosted.delete(infoHash)
    this.#options.node.leave(infoHash)
  }

  /** The running swarm, started where it slept; undefined when there is nothing to serve. */
  async wake(infoHash: InfoHash): Promise<SwarmDriver | undefined> {
    const hosted = this.#hosted.get(infoHash)
    if (hosted === undefined) return undefined
    const running = this.#options.node.swarm(infoHash)
    if (running) return running
    hosted.waking ??= this.#start(hosted).finally(() => {
      hosted.waking = undefined
    })
    return hosted.waking
  }

  /** Looks at the files of these swarms and offers what is there, what has come back included. */
  async survey(infoHashes: readonly InfoHash[]): Promise<void> {
    const queue = infoHashes.values()
    const lane = async () => {
      for (const infoHash of queue) {
        const hosted = this.#hosted.get(infoHash)
        if (hosted) await this.#survey(hosted)
      }
    }
    await Promise.all(Array.from({ length: SURVEYS_AT_ONCE }, lane))
  }

  /** Puts idle swarms to sleep, and looks again at the files of running and of troubled ones. */
  async sweep(isConnecting: (infoHash: InfoHash) => boolean): Promise<void> {
    const { node, clock } = this.#options
    const nowMs = clock.now()
    const asleep = new Set<InfoHash>()
    for (const [infoHash, hosted] of this.#hosted) {
      const swarm = node.swarm(infoHash)?.swarm
      if (swarm === undefined) continue
      if (swarm.peers > 0 || isConnecting(infoHash)) hosted.idleSinceMs = nowMs
      if (nowMs - hosted.idleSinceMs < IDLE_MS) continue
      hosted.uploadedBefore += swarm.uploaded
      node.leave(infoHash)
      hosted.source.rest()
      asleep.add(infoHash)
    }
    const isWorthALook = ([infoHash, { source }]: [InfoHash, Hosted]) =>
      source.problems > 0 || asleep.has(infoHash) || node.swarm(infoHash)
    await this.survey([...this.#hosted].filter(isWorthALook).map(([infoHash]) => infoHash))
  }

  clear(): void {
    for (const infoHash of this.infoHashes) this.remove(infoHash)
    this.#cache.clear()
  }

  async #start(hosted: Hosted): Promise<SwarmDriver | undefined> {
    const { node, clock, transport } = this.#options
    const { swarm } = hosted.source
    const { infoHash, chunkCount, files } = swarm
    const held = await this.#survey(hosted)
    const [proofs, info] = await Promise.all([hosted.source.proofs(), hosted.source.info()])
    if (held.length === 0 || this.#hosted.get(infoHash) !== hosted) return undefined
    hosted.idleSinceMs = clock.now()
    node.join({
      infoHash,
      chunkCount,
      files,
      announce: [], // the announcer speaks for all swarms
      transport: transport(),
      held,
      read: (chunk) => this.#cache.read(`${infoHash}/${chunk}`, () => hosted.source.read(chunk)),
      verify: async () => false, // nothing is asked of peers
      ...(proofs && { proofs }),
      ...(info && { metadata: new MetadataServer(info.length, async () => info) }),
      onStatus: () => undefined,
    })
    return node.swarm(infoHash)
  }

  async #survey(hosted: Hosted): Promise<ChunkSpan[]> {
    const { source } = hosted
    const { infoHash } = source.swarm
    const spans = await source.survey()
    if (this.#hosted.get(infoHash) !== hosted) return []
    hosted.offered = chunksIn(spans)
    const driver = this.#options.node.swarm(infoHash)
    for (const span of spans) driver?.stored(span)
    if (driver === undefined && hosted.waking === undefined) source.rest()
    this.#options.onOffered(source, spans, hosted.uploadedBefore + (driver?.swarm.uploaded ?? 0))
    return spans
  }
}

export function chunksIn(spans: readonly ChunkSpan[]): number {
  return spans.reduce((sum, { first, after }) => sum + after - first, 0)
}
