import type { MeshStatus } from '../../mesh/mesh-node.ts'
import { withDeadline } from '../../protocol/deadline.ts'
import { JOINING, type SwarmStatus } from '../../protocol/delivery.ts'
import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { Bell } from '../../supply/bell.ts'
import { PATIENCE, URGENCY } from '../../supply/patience.ts'
import type { MeshPeers } from '../../supply/peers.ts'
import { Page, type PageOptions } from './page.ts'
import { pause } from './place.ts'

/** A message from the worker to its page, or back. */
const HOP_MS = 1
/** From the first request to the join: the delay in sw/accelerator.ts, then hashes and mesh script, a round trip each. */
const JOIN_AFTER_MS = 30
const START_MS = 50
const JOIN_ROUND_TRIPS = 2
/** As sw/mesh-client.ts has them. */
const GRACE_MS = 500
const REFUSED_FOR_MS = 5_000

/** The mesh as the worker sees it: what sw/mesh-client.ts makes of a page at the other end of two ports. */
export class Bridge implements MeshPeers {
  readonly #options: PageOptions
  readonly #page: Page
  readonly #bell = new Bell()
  readonly #refusedAt = new Map<ChunkIndex, number>()
  #status: SwarmStatus | undefined
  #joinedAt: number | undefined
  #hasHost = false
  #isClosed = false

  constructor(options: Omit<PageOptions, 'onStatus'>) {
    this.#options = options
    this.#page = new Page({ ...options, onStatus: (status) => this.#later(() => this.#setStatus(status)) })
  }

  get page(): Page {
    return this.#page
  }

  /** Takes part from now on. */
  async join(): Promise<void> {
    if (this.#joinedAt !== undefined) return
    this.#joinedAt = Date.now()
    this.#status = JOINING
    const { time, line, origin } = this.#options.place
    const wayMs = line.options.latencyMs + origin.options.latencyMs
    await pause(time, JOIN_AFTER_MS + START_MS + 2 * JOIN_ROUND_TRIPS * wayMs)
    if (this.#isClosed) return
    this.#hasHost = true
    this.#setStatus(await this.#page.join())
  }

  close(): void {
    this.#isClosed = true
    this.#page.close()
  }

  status(): SwarmStatus | undefined {
    return this.#status
  }

  sinceJoinMs(): number {
    return Date.now() - (this.#joinedAt ?? Date.now())
  }

  wasRefused(_swarm: InfoHash, chunk: ChunkIndex): boolean {
    const at = this.#refusedAt.get(chunk)
    return at !== undefined && Date.now() - at < REFUSED_FOR_MS
  }

  refused(_swarm: InfoHash, chunk: ChunkIndex): void {
    this.#refusedAt.set(chunk, Date.now())
  }

  async fetchChunk(_swarm: InfoHash, chunk: ChunkIndex, isUrgent?: boolean): Promise<ArrayBuffer | undefined> {
    if (!this.#hasHost) return undefined
    const { time } = this.#options.place
    const { peerChunk } = PATIENCE
    const deadlineMs = peerChunk / (isUrgent ? URGENCY : 1)
    const fetching = pause(time, HOP_MS)
      .then(() => this.#page.fetchChunk(chunk, deadlineMs))
      .then((bytes) => pause(time, HOP_MS).then(() => bytes))
    return await withDeadline(fetching, peerChunk + GRACE_MS).catch(() => undefined)
  }

  cancelChunk(_swarm: InfoHash, chunk: ChunkIndex): void {
    this.#tell((page) => page.cancelChunk(chunk))
  }

  /** A chunk from the origin is verified: peers may have it from now on. */
  hold(chunk: ChunkIndex): void {
    if (this.#status?.peers) this.#tell((page) => page.hold(chunk))
  }

  stored(chunks: ChunkSpan): void {
    this.#tell((page) => page.stored(chunks))
  }

  loading(_swarm: InfoHash, chunks: readonly ChunkSpan[]): void {
    this.#tell((page) => page.loading(chunks))
  }

  easeUpload(): void {
    this.#page.easeUpload()
  }

  async change(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }

  #tell(what: (page: Page) => void): void {
    if (this.#hasHost) this.#later(() => what(this.#page))
  }

  #later(run: () => void): void {
    this.#options.place.time.after(HOP_MS, () => {
      if (!this.#isClosed) run()
    })
  }

  #setStatus(status: MeshStatus): void {
    this.#status = status
    this.#bell.ring()
  }
}
