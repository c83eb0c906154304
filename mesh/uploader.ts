import type { ChunkIndex } from '../protocol/units.ts'
import { KiB } from '../protocol/units.ts'
import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm-io.ts'
import type { UploadShare } from './upload-budget.ts'
import type { UploadQueue } from './upload-queue.ts'

/** Bytes handed to a link at most: enough to keep it busy, little enough that a cancel still saves something. */
const HIGH_WATER = 256 * KiB
/** Bytes of chunks that are kept ready for a peer, so that its link need not wait for each of them. */
const READ_AHEAD = 256 * KiB

export interface UploaderOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
  readonly lengthOf: (chunk: ChunkIndex) => number
  readonly emit: (effect: SwarmEffect) => void
  /** Hands over what the peer's session has to send. */
  readonly flush: (peer: Peer, nowMs: number) => void
  /** What may be uploaded; undefined: as much as there is to. */
  readonly share: UploadShare | undefined
}

/** Serves what peers have asked for, as fast as their links and the swarm's share allow. */
export class Uploader {
  /** Bytes of chunks sent. */
  uploaded = 0
  readonly #options: UploaderOptions
  /** Chunks that are being read. */
  readonly #reads = new Set<ChunkIndex>()

  constructor(options: UploaderOptions) {
    this.#options = options
  }

  /**
   * Sends blocks to one peer until its link is full, its queue is empty, its chunk must be read first, or others are next.
   * @returns whether any was sent
   */
  pump(peer: Peer, nowMs: number): boolean {
    let sent = 0
    const { uploads } = peer.session
    const { share } = this.#options
    for (let head = uploads.head; head !== undefined && peer.buffered + sent < HIGH_WATER; head = uploads.head) {
      if (uploads.headBytes === undefined) break
      if (share?.take(peer, head.length, nowMs) === false) break
      sent += peer.session.sendPiece()
    }
    this.uploaded += sent
    if (sent > 0) this.#options.flush(peer, nowMs)
    this.#read(peer)
    return sent > 0
  }

  /** As pump, to all peers: under a cap they take turns. */
  pumpAll(nowMs: number): void {
    let goesOn = true
    while (goesOn) {
      goesOn = false
      for (const peer of this.#options.peers.values())
        if (peer.session.uploads.head && this.pump(peer, nowMs)) goesOn = true
    }
  }

  /** @param bytes undefined when the chunk is not stored any more */
  chunkRead(chunk: ChunkIndex, bytes: Uint8Array | undefined, nowMs: number): void {
    this.#reads.delete(chunk)
    for (const peer of this.#options.peers.values()) {
      if (!peer.reading.delete(chunk)) continue
      if (bytes === undefined) peer.session.refuseChunk(chunk)
      else this.#load(peer, chunk, bytes)
      this.pump(peer, nowMs)
    }
  }

  /** What follows the head's chunk is at least on its way into the store's cache: the link would run dry meanwhile. */
  #load({ session: { uploads }, reading }: Peer, chunk: ChunkIndex, bytes: Uint8Array): void {
    uploads.load(chunk, bytes)
    // Who cancels what it has asked for first would have all of it kept.
    uploads.keep(new Set(this.#next(uploads)))
    const [head, next] = uploads.chunks()
    if (chunk === head && next !== undefined && !uploads.isLoaded(next) && !reading.has(next)) this.#fetch(next)
  }

  #read({ session: { uploads }, reading }: Peer): void {
    for (const chunk of this.#next(uploads)) {
      if (reading.has(chunk) || uploads.isLoaded(chunk)) continue
      reading.add(chunk)
      this.#fetch(chunk)
    }
  }

  /** The chunks that are kept ready: one at least, more where they are small. */
  *#next(uploads: UploadQueue): Generator<ChunkIndex, void, undefined> {
    let room = READ_AHEAD
    for (const chunk of uploads.chunks()) {
      const isNext = chunk === uploads.head?.chunk
      room -= this.#options.lengthOf(chunk)
      if (room < 0 && !isNext) return
      yield chunk
    }
  }

  #fetch(chunk: ChunkIndex): void {
    if (this.#reads.has(chunk)) return
    this.#reads.add(chunk)
    this.#options.emit({ kind: 'read', chunk })
  }
}
