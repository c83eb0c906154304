import type { ChunkIndex } from '../protocol/units.ts'
import { KiB } from '../protocol/units.ts'
import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm-io.ts'
import type { UploadShare } from './upload-budget.ts'

/** Bytes handed to a link at most: enough to keep it busy, little enough that a cancel still saves something. */
const HIGH_WATER = 256 * KiB

export interface UploaderOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
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
    const before = this.uploaded
    const { uploads } = peer.session
    const { share } = this.#options
    for (let head = uploads.head; head !== undefined && peer.buffered < HIGH_WATER; head = uploads.head) {
      if (uploads.headBytes === undefined) {
        this.#read(peer, head.chunk)
        break
      }
      if (share?.take(peer, head.length, nowMs) === false) break
      this.uploaded += peer.session.sendPiece()
      this.#options.flush(peer, nowMs)
    }
    return this.uploaded > before
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
      if (peer.reading !== chunk) continue
      peer.reading = undefined
      if (bytes === undefined) peer.session.refuseChunk(chunk)
      else if (peer.session.uploads.head?.chunk === chunk) this.#load(peer, chunk, bytes)
      this.pump(peer, nowMs)
    }
  }

  /** Hands over a chunk, and has the next one read ahead so that the link does not run dry meanwhile. */
  #load(peer: Peer, chunk: ChunkIndex, bytes: Uint8Array): void {
    peer.session.uploads.load(chunk, bytes)
    const next = peer.session.uploads.nextChunk
    if (next !== undefined) this.#fetch(next)
  }

  #read(peer: Peer, chunk: ChunkIndex): void {
    // One read at a time for a peer, whatever it asks for.
    if (peer.reading !== undefined) return
    peer.reading = chunk
    this.#fetch(chunk)
  }

  #fetch(chunk: ChunkIndex): void {
    if (this.#reads.has(chunk)) return
    this.#reads.add(chunk)
    this.#options.emit({ kind: 'read', chunk })
  }
}
