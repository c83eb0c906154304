import type { ChunkIndex } from '../protocol/units.ts'
import { KiB } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm.ts'
import { type Want, Wants } from './wants.ts'

/** A peer that delivers nothing for this long loses its chunks to another. */
const SILENCE_MS = 2_000
/** How long a silent peer is left alone. */
const REST_MS = 4_000
/** A peer that delivers nothing for this long is let go, even where there is no other. */
const HOPELESS_MS = 15_000
/** Assumed of a peer not measured yet, bytes per second. */
const NEWCOMER_RATE = 256 * KiB
/** A peer leaves an urgent chunk to another that is expected to need less than this share of its own time. */
const MUCH_SOONER = 0.5

export interface DownloaderOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
  readonly lengthOf: (chunk: ChunkIndex) => number
  readonly emit: (effect: SwarmEffect) => void
}

/** Which peer is asked for which wanted chunk. */
export class Downloader {
  readonly #wants = new Wants()
  readonly #options: DownloaderOptions
  /** Chunks that are being hashed, and who sent them. */
  readonly #checks = new Map<number, { readonly want: Want; readonly from: PeerId | undefined }>()
  #lastCheck = 0

  constructor(options: DownloaderOptions) {
    this.#options = options
  }

  want(chunk: ChunkIndex, deadlineMs: number, nowMs: number): void {
    if (this.#wants.add(chunk, deadlineMs)) this.assignAll(nowMs)
    else this.#options.emit({ kind: 'giveUp', chunk })
  }

  unwant(chunk: ChunkIndex, nowMs: number): void {
    const want = this.#wants.get(chunk)
    if (want === undefined) return
    const { peer } = want
    this.#wants.remove(want)
    peer?.session.cancel(chunk)
    if (peer) this.assign(peer, nowMs)
  }

  /** Gives idle peers something to do. */
  assignAll(nowMs: number): void {
    if (!this.#wants.anyOpen) return
    for (const peer of this.#options.peers.values()) this.assign(peer, nowMs)
  }

  /** Gives one peer as many chunks as its pipeline has room for, and sends the requests that are due. */
  assign(peer: Peer, nowMs: number): void {
    const { session } = peer
    while (
      this.#wants.anyOpen &&
      peer.searched !== this.#wants.version &&
      session.serves &&
      nowMs >= peer.restsUntilMs &&
      session.downloads.hasRoom(nowMs)
    ) {
      const want = this.#pick(peer, nowMs)
      if (want === undefined) {
        peer.searched = this.#wants.version
        break
      }
      const length = this.#options.lengthOf(want.chunk)
      this.#wants.assign(want, peer, { bytes: new Uint8Array(length), filled: 0 })
      session.downloads.assign(want.chunk, 0, length)
      session.request(nowMs)
    }
    session.request(nowMs)
  }

  /** A block that `peer` was asked for. */
  block(peer: Peer, chunk: ChunkIndex, offset: number, bytes: Uint8Array): void {
    const want = this.#wants.get(chunk)
    if (want?.peer !== peer || want.assembly === undefined) return
    want.assembly.bytes.set(bytes, offset)
    want.assembly.filled += bytes.length
    peer.restsUntilMs = 0
    if (want.assembly.filled < want.assembly.bytes.length) return
    this.#wants.check(want)
    const id = ++this.#lastCheck
    this.#checks.set(id, { want, from: peer.session.peerId })
    this.#options.emit({ kind: 'verify', id, chunk, bytes: want.assembly.bytes })
  }

  /** @returns the peer that sent a wrong chunk */
  verified(id: number, good: boolean, nowMs: number): PeerId | undefined {
    const check = this.#checks.get(id)
    this.#checks.delete(id)
    if (check === undefined) return undefined
    const { want, from } = check
    const bytes = want.assembly?.bytes
    if (!good) {
      this.#wants.reopen(want)
      this.assignAll(nowMs)
      return from
    }
    const wanted = this.#wants.get(want.chunk) === want
    this.#wants.remove(want)
    if (wanted && bytes) this.#options.emit({ kind: 'deliver', chunk: want.chunk, bytes })
    return undefined
  }

  /** The peer is gone, choked us, or was too slow: others get what it was asked for. */
  release(peer: Peer, nowMs: number): void {
    for (const want of [...peer.assigned]) this.#wants.reopen(want)
    this.assignAll(nowMs)
  }

  rejected(peer: Peer, chunk: ChunkIndex, nowMs: number): void {
    const want = this.#wants.get(chunk)
    if (want?.peer !== peer) return
    this.#wants.reopen(want)
    this.assignAll(nowMs)
  }

  /** @returns peers that are of no use any more */
  tick(nowMs: number): Peer[] {
    for (const want of this.#wants.takeOverdue(nowMs)) {
      want.peer?.session.cancel(want.chunk)
      this.#options.emit({ kind: 'giveUp', chunk: want.chunk })
    }
    const hopeless: Peer[] = []
    for (const peer of this.#options.peers.values()) {
      peer.searched = -1
      const silentMs = peer.session.downloads.silentFor(nowMs)
      if (silentMs >= HOPELESS_MS) hopeless.push(peer)
      else if (silentMs >= SILENCE_MS) this.#takeAway(peer, nowMs)
    }
    this.assignAll(nowMs)
    return hopeless
  }

  /** Gives a silent peer's chunks to others; what only it has stays with it. */
  #takeAway(peer: Peer, nowMs: number): void {
    for (const want of [...peer.assigned]) {
      if (!this.#another(peer, want.chunk, nowMs)) continue
      peer.session.cancel(want.chunk)
      this.#wants.reopen(want)
      peer.restsUntilMs = nowMs + REST_MS
    }
  }

  #another(peer: Peer, chunk: ChunkIndex, nowMs: number): Peer | undefined {
    for (const other of this.#options.peers.values()) {
      const ready = other !== peer && other.session.serves && nowMs >= other.restsUntilMs
      if (ready && other.session.has(chunk) && other.session.downloads.silentFor(nowMs) < SILENCE_MS) return other
    }
    return undefined
  }

  /** The most urgent chunk that this peer has, unless it is urgent and another is expected to bring it much sooner. */
  #pick(peer: Peer, nowMs: number): Want | undefined {
    for (const want of this.#wants.open()) {
      if (!peer.session.has(want.chunk)) continue
      const etaMs = this.#etaMs(peer, want.chunk, nowMs)
      if (nowMs + etaMs <= want.deadlineMs || !this.#soonerElsewhere(peer, want, etaMs, nowMs)) return want
    }
    return undefined
  }

  #soonerElsewhere(peer: Peer, want: Want, etaMs: number, nowMs: number): boolean {
    for (const other of this.#options.peers.values()) {
      const ready = other !== peer && other.session.serves && nowMs >= other.restsUntilMs
      if (ready && other.session.has(want.chunk) && this.#etaMs(other, want.chunk, nowMs) < etaMs * MUCH_SOONER)
        return true
    }
    return false
  }

  #etaMs({ session }: Peer, chunk: ChunkIndex, nowMs: number): number {
    const rate = session.downloads.perSecond(nowMs) ?? NEWCOMER_RATE
    return ((session.downloads.owed + this.#options.lengthOf(chunk)) / Math.max(1, rate)) * 1000
  }
}
