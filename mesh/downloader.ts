import { BLOCK_SIZE, type ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { HashSpan } from '../protocol/wire/messages.ts'
import { Dispatcher } from './dispatcher.ts'
import { LeafRequests } from './leaf-requests.ts'
import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm-io.ts'
import type { SwarmTrees } from './swarm-trees.ts'
import { type Want, Wants } from './wants.ts'

export interface DownloaderOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
  readonly lengthOf: (chunk: ChunkIndex) => number
  readonly trees: SwarmTrees | undefined
  readonly emit: (effect: SwarmEffect) => void
  /** A peer sent bytes or hashes that are wrong. */
  readonly accuse: (guilty: PeerId | undefined, nowMs: number) => void
  /** The leaf hashes of a chunk were proven. */
  readonly learned: (chunk: ChunkIndex, leaves: readonly Uint8Array[]) => void
  /** Chunks that we do not hold. */
  readonly missing: () => number
  /** A peer gave bytes of a block that was wanted. */
  readonly gained: (bytes: number, nowMs: number) => void
}

/** Bytes that are being hashed, and who sent them. */
interface Check {
  readonly want: Want
  readonly from: PeerId | undefined
}

/** Collects the wanted chunks: what comes in, whether it is right, and when it is whole. */
export class Downloader {
  readonly #options: DownloaderOptions
  readonly #wants: Wants
  readonly #leafRequests: LeafRequests | undefined
  readonly #dispatcher: Dispatcher
  readonly #chunkChecks = new Map<number, Check & { readonly peer: Peer }>()
  readonly #blockChecks = new Map<number, Check & { readonly block: number }>()
  #lastCheck = 0

  constructor(options: DownloaderOptions) {
    this.#options = options
    const { peers, lengthOf, trees } = options
    this.#wants = new Wants(lengthOf)
    this.#leafRequests = trees && new LeafRequests({ peers, trees, lengthOf })
    const isEnding = () => options.missing() <= this.#wants.size
    this.#dispatcher = new Dispatcher({
      peers,
      wants: this.#wants,
      lengthOf,
      leafRequests: this.#leafRequests,
      isEnding,
    })
  }

  want(chunk: ChunkIndex, deadlineMs: number, nowMs: number): void {
    if (this.#wants.add(chunk, deadlineMs)) this.#dispatcher.assignAll(nowMs)
    else this.#options.emit({ kind: 'giveUp', chunk })
  }

  unwant(chunk: ChunkIndex, nowMs: number): void {
    const want = this.#wants.get(chunk)
    if (want) this.#drop(want, nowMs)
  }

  /** Gives one peer something to do. */
  assign(peer: Peer, nowMs: number): void {
    this.#dispatcher.assign(peer, nowMs)
  }

  /** A block that `peer` was asked for. */
  block(peer: Peer, chunk: ChunkIndex, offset: number, bytes: Uint8Array, nowMs: number): void {
    const want = this.#wants.get(chunk)
    if (!want?.sources.has(peer)) return
    peer.restsUntilMs = 0
    const block = offset / BLOCK_SIZE
    const placed = want.assembly.put(peer, block, bytes)
    if (placed !== 'refused') this.#options.gained(bytes.length, nowMs)
    if (placed === 'whole') this.#checkDraft(want, peer)
    if (placed !== 'placed') return
    for (const other of want.sources) if (other !== peer) other.session.cancelBlock(chunk, offset, nowMs)
    this.#checkBlock(want, block, peer)
  }

  /** Answer to `verify`. */
  verified(id: number, good: boolean, nowMs: number): void {
    const check = this.#chunkChecks.get(id)
    this.#chunkChecks.delete(id)
    if (check === undefined) return
    const { want, from, peer } = check
    want.checks--
    const bytes = want.assembly.draftOf(peer)
    if (good) this.#deliver(want, bytes, nowMs)
    else {
      this.#wants.release(want, peer)
      this.#options.accuse(from, nowMs)
      this.#dispatcher.assignAll(nowMs)
    }
  }

  /** Answer to `hashBlock`. */
  hashed(id: number, hash: Uint8Array, nowMs: number): void {
    const check = this.#blockChecks.get(id)
    this.#blockChecks.delete(id)
    if (check === undefined) return
    const { want, block, from } = check
    const { assembly, chunk } = want
    const before = assembly.prefix.length
    if (!assembly.settle(block, hash)) {
      this.#wants.review(want)
      this.#options.accuse(from, nowMs)
      this.#dispatcher.assignAll(nowMs)
    } else if (assembly.isWhole) this.#deliver(want, assembly.bytes, nowMs)
    else if (assembly.prefix.length > before && this.#isWanted(want))
      this.#options.emit({ kind: 'progress', chunk, bytes: assembly.prefix })
  }

  leaves(peer: Peer, span: HashSpan, hashes: Uint8Array, nowMs: number): void {
    const answer = this.#leafRequests?.answered(peer, span, hashes)
    if (answer?.kind === 'wrong') this.#options.accuse(peer.session.peerId, nowMs)
    if (answer?.kind !== 'leaves') return
    const { want, leaves } = answer
    this.#options.learned(want.chunk, leaves)
    if (want.checks > 0) return // it is whole, and who sent it is known
    for (const { block, source } of want.assembly.prove(leaves)) this.#checkBlock(want, block, source)
    this.#wants.version++ // more than one can work on it now
    this.#dispatcher.assignAll(nowMs)
  }

  leavesRejected(peer: Peer, span: HashSpan, nowMs: number): void {
    this.#leafRequests?.rejected(peer, span, nowMs)
  }

  /** The peer choked us: others get what it was asked for. */
  release(peer: Peer, nowMs: number): void {
    for (const want of [...peer.assigned]) this.#wants.release(want, peer)
    this.#dispatcher.assignAll(nowMs)
  }

  /** The peer is gone. */
  forget(peer: Peer, nowMs: number): void {
    this.#leafRequests?.forget(peer, nowMs)
    this.release(peer, nowMs)
  }

  rejected(peer: Peer, chunk: ChunkIndex, nowMs: number): void {
    const want = this.#wants.get(chunk)
    if (!want?.sources.has(peer)) return
    this.#wants.release(want, peer)
    this.#dispatcher.assignAll(nowMs)
  }

  /** @returns peers that are of no use any more */
  tick(nowMs: number): Peer[] {
    for (const want of this.#wants.overdue(nowMs)) {
      this.#retire(want, nowMs)
      this.#options.emit({ kind: 'giveUp', chunk: want.chunk })
    }
    this.#leafRequests?.tick(nowMs)
    this.#dispatcher.wake()
    this.#dispatcher.assignAll(nowMs)
    return this.#dispatcher.hopeless(nowMs)
  }

  /** Looks who is silent, and asks others. */
  review(nowMs: number): void {
    if (this.#wants.size === 0) return
    if (this.#dispatcher.review(nowMs)) this.#dispatcher.assignAll(nowMs)
  }

  #checkDraft(want: Want, peer: Peer): void {
    const bytes = want.assembly.draftOf(peer)
    if (bytes === undefined) return
    this.#wants.finish(want, peer)
    want.checks++
    const id = ++this.#lastCheck
    this.#chunkChecks.set(id, { want, peer, from: peer.session.peerId })
    this.#options.emit({ kind: 'verify', id, chunk: want.chunk, bytes })
  }

  #checkBlock(want: Want, block: number, peer: Peer): void {
    const id = ++this.#lastCheck
    this.#blockChecks.set(id, { want, block, from: peer.session.peerId })
    this.#options.emit({ kind: 'hashBlock', id, chunk: want.chunk, bytes: want.assembly.blockBytes(block) })
  }

  #deliver(want: Want, bytes: Uint8Array<ArrayBuffer> | undefined, nowMs: number): void {
    if (bytes === undefined || !this.#isWanted(want)) return
    this.#retire(want, nowMs)
    this.#options.emit({ kind: 'deliver', chunk: want.chunk, bytes })
  }

  #isWanted(want: Want): boolean {
    return this.#wants.get(want.chunk) === want
  }

  /** Nobody needs to bring any more of it: who did so is free for something else. */
  #retire(want: Want, nowMs: number): void {
    for (const peer of this.#drop(want, nowMs)) this.#dispatcher.assign(peer, nowMs)
  }

  /**
   * Stops collecting it. Whoever did so gets something else at the next look: chunks are given up in a row, and what would be
   * asked for between two of them comes, though it is the next to be given up.
   * @returns who was at work on it
   */
  #drop(want: Want, nowMs: number): Peer[] {
    const sources = [...want.sources]
    this.#wants.remove(want)
    this.#leafRequests?.drop(want)
    for (const peer of sources) peer.session.cancel(want.chunk, nowMs)
    return sources
  }
}
