import type { ChunkSpan } from '../protocol/geometry.ts'
import { blocksOf } from '../protocol/merkle.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Clock } from './clock.ts'
import { type Extension, ExtensionLines } from './extension.ts'
import type { LinkId } from './peer.ts'
import { Swarm } from './swarm.ts'
import type { SwarmEffect, SwarmInput, SwarmOptions } from './swarm-io.ts'
import type { Link } from './transport.ts'

/** Bytes of one chunk from the store, or undefined when it is not there. */
export type ReadChunk = (chunk: ChunkIndex) => Promise<Uint8Array<ArrayBuffer> | undefined>
/** Whether the bytes are the chunk's. */
export type VerifyChunk = (chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>) => Promise<boolean>
/** SHA-256 of bytes that may change once the call has returned. */
export type Digest = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>

export interface SwarmDriverOptions extends Omit<SwarmOptions, 'nowMs' | 'guests'> {
  readonly clock: Clock
  readonly read: ReadChunk
  readonly verify: VerifyChunk
  /** Needed with `trees`. */
  readonly digest?: Digest
  /** More of a chunk that is fetched is good: its beginning, a view until the chunk is delivered. */
  readonly onProgress?: (chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>) => void
  /** A peer sent something wrong, and is not welcome any more. Called once for each. */
  readonly onBan?: (peer: PeerId) => void
  /** Peers, what they hold or load, or `uploaded` changed; at most one call every STATUS_MS. */
  readonly onStatus: () => void
  /** What we tell peers that we hold may have changed. */
  readonly onHoldings?: () => void
  /** Spoken on all links. */
  readonly extensions?: readonly Extension[]
}

const TICK_MS = 250
const STATUS_MS = 50
/** Changes come in groups: the first waits this long for the rest. */
const GROUP_MS = 10

type Chunk = Uint8Array<ArrayBuffer> | undefined

export interface NewLink {
  /** We made the offer. */
  readonly initiator: boolean
  /** Whom the signalling promised. */
  readonly peerId?: PeerId
  /** Called once for a link that was kept. */
  readonly onClose?: () => void
}

/** What a swarm knows about itself. */
export type SwarmView = Pick<
  Swarm,
  'available' | 'loading' | 'holders' | 'peers' | 'links' | 'room' | 'missing' | 'uploaded' | 'welcomes' | 'advertised'
>

/** Runs a swarm: gives it time, links, the store and a hasher, and does what it asks for. */
export class SwarmDriver {
  readonly #swarm: Swarm
  readonly #options: SwarmDriverOptions
  readonly #links = new Map<LinkId, Link>()
  readonly #waiting = new Map<ChunkIndex, (bytes: Chunk) => void>()
  readonly #lines: ExtensionLines
  readonly #onClose = new Map<LinkId, () => void>()
  #lastLink = 0
  #tickedMs: number
  #uploadedBefore = 0
  #cancelTick: () => void
  #cancelStatus: (() => void) | undefined
  #statusMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: SwarmDriverOptions) {
    this.#options = options
    const nowMs = options.clock.now()
    this.#tickedMs = nowMs
    const { extensions = [] } = options
    this.#swarm = new Swarm({ ...options, guests: extensions.map(({ name }) => name), nowMs })
    this.#lines = new ExtensionLines(extensions, {
      send: (link, extension, payload) => this.#handle({ kind: 'extend', link, extension, payload }),
      close: (link) => this.#hangUp(link),
    })
    this.#cancelTick = options.clock.after(TICK_MS, () => this.#onTimer())
  }

  get chunkCount(): number {
    return this.#options.chunkCount
  }

  get swarm(): SwarmView {
    return this.#swarm
  }

  /** Takes over an open link; closes it when it is not wanted. @returns whether it is kept */
  addLink(link: Link, { initiator, peerId, onClose }: NewLink): boolean {
    if (this.#closed) {
      link.close()
      return false
    }
    const id = ++this.#lastLink as LinkId
    this.#links.set(id, link)
    this.#handle({ kind: 'linkOpened', link: id, initiator, ...(peerId !== undefined && { peerId }) })
    if (!this.#links.has(id)) return false
    if (onClose) this.#onClose.set(id, onClose)
    link.listen({
      onMessage: (bytes) => {
        this.#handle({ kind: 'received', link: id, bytes })
        // Timers of hidden pages are throttled; messages are not.
        if (this.#options.clock.now() - this.#tickedMs >= TICK_MS) this.#tick()
      },
      onDrain: () => this.#handle({ kind: 'drained', link: id, buffered: link.buffered }),
      onClose: () => {
        this.#links.delete(id)
        this.#handle({ kind: 'linkClosed', link: id })
        this.#gone(id)
      },
    })
    return true
  }

  /**
   * The verified bytes of a chunk, the caller's to keep; undefined when no peer delivers them in time.
   * Asking again for a chunk that is under way answers the earlier call with undefined.
   */
  fetch(chunk: ChunkIndex, deadlineMs: number): Promise<Chunk> {
    this.#settle(chunk, undefined)
    if (this.#closed) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#waiting.set(chunk, resolve)
      this.#handle({ kind: 'want', chunk, deadlineMs: this.#options.clock.now() + deadlineMs })
    })
  }

  cancel(chunk: ChunkIndex): void {
    this.#settle(chunk, undefined)
    this.#handle({ kind: 'unwant', chunk })
  }

  stored(chunks: ChunkSpan): void {
    this.#handle({ kind: 'stored', chunks })
    this.#options.onHoldings?.()
  }

  /** These chunks are on their way from elsewhere, and no others: peers that understand it are told. */
  loading(chunks: readonly ChunkSpan[]): void {
    this.#handle({ kind: 'loading', chunks })
  }

  /** The store does not have these any more: all unless told. */
  dropped(chunks: ChunkSpan = this.#allChunks): void {
    this.#handle({ kind: 'dropped', chunks })
    this.#options.onHoldings?.()
  }

  setSharing(sharing: boolean): void {
    this.#handle({ kind: 'sharing', sharing })
    this.#options.onHoldings?.()
  }

  /** Closes all links; what is waited for comes to nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTick()
    this.#cancelStatus?.()
    for (const id of [...this.#links.keys()]) this.#drop(id)
    for (const chunk of [...this.#waiting.keys()]) this.#settle(chunk, undefined)
  }

  #handle(input: SwarmInput): void {
    if (this.#closed) return
    for (const effect of this.#swarm.handle(input, this.#options.clock.now())) this.#perform(effect)
  }

  #perform(effect: SwarmEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#links.get(effect.link)?.send(effect.bytes)
        return
      case 'closeLink':
        this.#drop(effect.link)
        return
      case 'speaks': {
        const link = this.#links.get(effect.link)
        if (link) this.#lines.open(effect.link, link, effect.extension)
        return
      }
      case 'extended':
        this.#lines.received(effect.link, effect.extension, effect.payload)
        return
      case 'verify':
        void this.#verify(effect.id, effect.chunk, effect.bytes)
        return
      case 'hashBlock':
        void this.#hashBlock(effect.id, effect.chunk, effect.bytes)
        return
      case 'progress':
        this.#options.onProgress?.(effect.chunk, effect.bytes)
        return
      case 'deliver':
        this.#settle(effect.chunk, effect.bytes)
        return
      case 'giveUp':
        this.#settle(effect.chunk, undefined)
        return
      case 'read':
        void this.#read(effect.chunk)
        return
      case 'hashChunk':
        void this.#hashChunk(effect.chunk)
        return
      case 'ban':
        this.#options.onBan?.(effect.peerId)
        return
      case 'statusChanged':
        this.#statusChanged()
    }
  }

  #drop(id: LinkId): void {
    this.#links.get(id)?.close()
    this.#links.delete(id)
    this.#gone(id)
  }

  #gone(id: LinkId): void {
    this.#lines.closed(id)
    this.#onClose.get(id)?.()
    this.#onClose.delete(id)
  }

  /** A link that nobody needs any more. */
  #hangUp(id: LinkId): void {
    this.#drop(id)
    this.#handle({ kind: 'linkClosed', link: id })
  }

  async #verify(id: number, chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const good = await this.#options.verify(chunk, bytes)
      this.#handle({ kind: 'verified', id, good })
    } catch {
      // No hash could be made: that is no peer's fault, and this chunk is not to be had from any.
      this.cancel(chunk)
    }
  }

  async #read(chunk: ChunkIndex): Promise<void> {
    // A store that fails is a store without the chunk: the peer asks elsewhere.
    const bytes = await this.#options.read(chunk).catch(() => undefined)
    this.#handle({ kind: 'chunkRead', chunk, bytes })
  }

  async #hashBlock(id: number, chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      this.#handle({ kind: 'hashed', id, hash: await this.#digest(bytes) })
    } catch {
      this.cancel(chunk) // as above
    }
  }

  async #hashChunk(chunk: ChunkIndex): Promise<void> {
    const leaves = await this.#leavesOf(chunk).catch(() => undefined)
    this.#handle({ kind: 'chunkHashed', chunk, leaves })
  }

  async #leavesOf(chunk: ChunkIndex): Promise<Uint8Array[] | undefined> {
    const bytes = await this.#options.read(chunk)
    return bytes && (await Promise.all(blocksOf(bytes).map((block) => this.#digest(block))))
  }

  get #allChunks(): ChunkSpan {
    return { first: 0 as ChunkIndex, after: this.#options.chunkCount as ChunkIndex }
  }

  #digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { digest } = this.#options
    return digest ? digest(bytes) : Promise.reject(new TypeError('no digest'))
  }

  #settle(chunk: ChunkIndex, bytes: Chunk): void {
    const resolve = this.#waiting.get(chunk)
    this.#waiting.delete(chunk)
    resolve?.(bytes)
  }

  #onTimer(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => this.#onTimer())
    this.#tick()
  }

  #tick(): void {
    this.#tickedMs = this.#options.clock.now()
    this.#handle({ kind: 'tick' })
    if (this.#swarm.uploaded === this.#uploadedBefore) return
    this.#uploadedBefore = this.#swarm.uploaded
    this.#statusChanged()
  }

  #statusChanged(): void {
    const { clock } = this.#options
    const waitMs = Math.max(GROUP_MS, this.#statusMs + STATUS_MS - clock.now())
    this.#cancelStatus ??= clock.after(waitMs, () => {
      this.#cancelStatus = undefined
      this.#statusMs = clock.now()
      this.#options.onStatus()
    })
  }
}
