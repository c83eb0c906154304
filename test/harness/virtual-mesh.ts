import { createHash } from 'node:crypto'
import { newPeerId } from '../../mesh/client-id.ts'
import type { Clock } from '../../mesh/clock.ts'
import { SwarmDriver, type SwarmDriverOptions } from '../../mesh/swarm-driver.ts'
import { SwarmTrees } from '../../mesh/swarm-trees.ts'
import type { Link, LinkEvents } from '../../mesh/transport.ts'
import { blocksOf, HASH_LENGTH, leafWidth, merkleRoot } from '../../protocol/merkle.ts'
import { type ChunkIndex, type InfoHash, KiB } from '../../protocol/units.ts'
import type { PeerId } from '../../protocol/wire/handshake.ts'

// Real swarms on a clock that is a number and links that are two queues.

/** A clock that stands still until it is told to run. */
export class VirtualClock implements Clock {
  #nowMs = 0
  #timers: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = []
  #lastOrder = 0

  now(): number {
    return this.#nowMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#lastOrder++, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Runs all that is due within `ms`, promises included. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      await this.#fire(timer)
    }
    this.#nowMs = untilMs
  }

  /** Runs until `work` settles, at most `mostMs`. @throws Error when it does not */
  async until<T>(work: Promise<T>, mostMs = 60_000): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    work.then(over, over)
    const endMs = this.#nowMs + mostMs
    await settle()
    while (!isOver) {
      const timer = this.#next(endMs)
      if (timer === undefined) break
      await this.#fire(timer)
    }
    if (!isOver) throw new Error(`nothing within ${mostMs} ms`)
    return await work
  }

  async #fire(timer: { readonly atMs: number; readonly run: () => void }): Promise<void> {
    this.#nowMs = timer.atMs
    timer.run()
    await settle()
  }

  #next(untilMs: number): { readonly atMs: number; readonly run: () => void } | undefined {
    const [first] = this.#timers.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    if (first === undefined || first.atMs > untilMs) return undefined
    this.#timers.shift()
    return first
  }
}

/** Lets promises that are resolved run their course. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface Wire {
  /** One way. */
  readonly latencyMs: number
  /** Each way. */
  readonly bytesPerMs: number
}

const FAST: Wire = { latencyMs: 5, bytesPerMs: 10_000 }

/** One end of a connection in memory. */
export class VirtualLink implements Link {
  buffered = 0
  /** The most that was ever buffered. */
  mostBuffered = 0
  isOpen = true
  other: VirtualLink | undefined
  /** Sees and may change or swallow what is sent. */
  tap: (bytes: Uint8Array) => Uint8Array | undefined = (bytes) => bytes
  readonly #clock: Clock
  readonly #wire: Wire
  #freeAtMs = 0
  #events: LinkEvents | undefined
  #early: Uint8Array[] = []

  constructor(clock: Clock, wire: Wire) {
    this.#clock = clock
    this.#wire = wire
  }

  send(bytes: Uint8Array): void {
    const sent = this.isOpen ? this.tap(bytes) : undefined
    if (sent === undefined) return
    this.buffered += sent.length
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered)
    const nowMs = this.#clock.now()
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + sent.length / this.#wire.bytesPerMs
    this.#clock.after(this.#freeAtMs - nowMs, () => {
      this.buffered -= sent.length
      this.#clock.after(this.#wire.latencyMs, () => this.other?.deliver(sent))
      if (this.isOpen && this.buffered < 64 * KiB) this.#events?.onDrain()
    })
  }

  deliver(bytes: Uint8Array): void {
    if (!this.isOpen) return
    if (this.#events) this.#events.onMessage(bytes)
    else this.#early.push(bytes)
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#clock.after(this.#wire.latencyMs, () => this.other?.lost())
  }

  lost(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#events?.onClose()
  }

  listen(events: LinkEvents): void {
    this.#events = events
    for (const bytes of this.#early.splice(0)) events.onMessage(bytes)
  }
}

export function virtualLinks(clock: Clock, wire: Partial<Wire> = {}): [VirtualLink, VirtualLink] {
  const a = new VirtualLink(clock, { ...FAST, ...wire })
  const b = new VirtualLink(clock, { ...FAST, ...wire })
  a.other = b
  b.other = a
  return [a, b]
}

/** The wire's number (BEP 3). */
const PIECE = 7

/** Holds pieces back: the peer seems to listen and does not deliver. @returns lets them go */
export function mute(link: VirtualLink): () => void {
  const held: Uint8Array[] = []
  link.tap = (bytes) => (bytes[4] === PIECE ? void held.push(bytes) : bytes)
  return () => {
    for (const bytes of held) link.other?.deliver(bytes)
    link.tap = (bytes) => bytes
  }
}

export const INFO_HASH = '0123456789abcdef0123456789abcdef01234567' as InfoHash
export const CHUNK_SIZE = 64 * KiB

/** Peer ids that compare as the numbers do. */
export function peerId(number: number): PeerId {
  return newPeerId(Buffer.from(number.toString(16).padStart(24, '0'), 'hex'))
}

/** Bytes that differ from chunk to chunk, and from block to block. */
export function contentOf(chunk: number, length = CHUNK_SIZE): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = chunk * 31 + i * 7 + (i >> 8) + (i >> 14) * 3
  return bytes
}

/** Bytes of a swarm's last chunk. */
export const LAST_LENGTH = 1000

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** The hash trees of such a swarm: one file, of which each chunk is `contentOf` itself. */
export function treesOf(chunkCount: number, chunkSize: number, hash = sha256): SwarmTrees {
  const size = (chunkCount - 1) * chunkSize + LAST_LENGTH
  const chunkHashes = new Uint8Array(chunkCount * HASH_LENGTH)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const bytes = contentOf(chunk, chunk === chunkCount - 1 ? LAST_LENGTH : chunkSize)
    const root = merkleRoot(blocksOf(bytes).map(sha256), leafWidth(size, chunkSize), sha256)
    chunkHashes.set(root, chunk * HASH_LENGTH)
  }
  return new SwarmTrees([{ size, firstChunk: 0 as ChunkIndex, chunkSize }], { chunkHashes, sha256: hash })
}

type VirtualOptions = Partial<SwarmDriverOptions> & { chunkCount: number; chunkSize?: number }

/** A swarm of `chunkCount` chunks, the last of them short, that knows its content by heart. */
export class VirtualPeer {
  readonly id: PeerId
  readonly driver: SwarmDriver
  /** Chunks that were read from its store. */
  reads = 0
  readonly #held = new Set<number>()
  readonly #chunkCount: number

  constructor(clock: Clock, number: number, options: VirtualOptions) {
    this.id = peerId(number)
    const { chunkCount, chunkSize = CHUNK_SIZE } = options
    this.#chunkCount = chunkCount
    let seed = number
    const lengthOf = (chunk: ChunkIndex) => (chunk === chunkCount - 1 ? LAST_LENGTH : chunkSize)
    this.driver = new SwarmDriver({
      infoHash: INFO_HASH,
      peerId: this.id,
      lengthOf,
      chunkSize,
      random: () => {
        seed = (seed * 48271 + 11) % 0x7fffffff
        return seed / 0x7fffffff
      },
      clock,
      read: async (chunk) => {
        this.reads++
        return this.#held.has(chunk) ? contentOf(chunk, lengthOf(chunk)) : undefined
      },
      verify: async (chunk, bytes) => Buffer.from(bytes).equals(contentOf(chunk, lengthOf(chunk))),
      digest: async (bytes) => sha256(bytes),
      onStatus: () => undefined,
      ...options,
    })
  }

  hold(first = 0, after = this.#chunkCount): this {
    for (let chunk = first; chunk < after; chunk++) this.#held.add(chunk)
    this.driver.stored({ first: first as ChunkIndex, after: after as ChunkIndex })
    return this
  }

  /** The store loses a chunk without a word. */
  lose(chunk: number): void {
    this.#held.delete(chunk)
  }

  fetch(chunk: number, deadlineMs = 30_000): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.driver.fetch(chunk as ChunkIndex, deadlineMs)
  }

  fetchAll(): Promise<(Uint8Array<ArrayBuffer> | undefined)[]> {
    return Promise.all(Array.from({ length: this.#chunkCount }, (_, chunk) => this.fetch(chunk)))
  }
}

/** Connects two swarms; `a` made the offer. @returns both ends */
export function connect(
  clock: Clock,
  a: VirtualPeer,
  b: VirtualPeer,
  wire: Partial<Wire> = {},
): [VirtualLink, VirtualLink] {
  const links = virtualLinks(clock, wire)
  a.driver.addLink(links[0], { initiator: true, peerId: b.id })
  b.driver.addLink(links[1], { initiator: false, peerId: a.id })
  return links
}
