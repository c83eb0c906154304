import { HASH_LENGTH } from '../protocol/merkle.ts'
import { type ChunkIndex, KiB, MiB } from '../protocol/units.ts'
import type { HashSpan } from '../protocol/wire/messages.ts'
import { LeafCache } from './leaf-cache.ts'
import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm-io.ts'
import type { Needed, SwarmTrees } from './swarm-trees.ts'

/** Requests of one peer that wait for a chunk to be hashed; more are rejected. */
const MOST_WAITING = 8
/** Chunks that are hashed at a time, for all peers. */
const AT_ONCE = 2
/** Bytes that are hashed for a peer in advance. */
const BURST = 32 * MiB
/** Bytes a millisecond that are hashed for a peer on top of those that it was sent: nobody makes us work for nothing. */
const CREDIT_PER_MS = 1 * KiB
/** What an answer costs even where nothing is hashed for it: putting it together takes some hashes too. */
const LEAST_CHARGE = 64 * KiB
/** A peer whose link is as full as this gets no hashes. */
const FULL = 256 * KiB

interface Account {
  /** Bytes that may still be hashed. */
  credit: number
  /** Bytes that it had been sent when `credit` was counted. */
  sent: number
  countedMs: number
}

interface Waiting {
  readonly peer: Peer
  readonly span: HashSpan
  readonly chunk: ChunkIndex
}

export interface HashServerOptions {
  readonly trees: SwarmTrees | undefined
  readonly lengthOf: (chunk: ChunkIndex) => number
  /** Whether peers are given this chunk. */
  readonly gives: (chunk: ChunkIndex) => boolean
  readonly emit: (effect: SwarmEffect) => void
}

/** Answers peers that ask for hashes (BEP 52). What that costs is bounded by what they are sent. */
export class HashServer {
  readonly #options: HashServerOptions
  readonly #known = new LeafCache()
  readonly #accounts = new Map<Peer, Account>()
  #waiting: Waiting[] = []
  readonly #hashing = new Set<ChunkIndex>()

  constructor(options: HashServerOptions) {
    this.#options = options
  }

  /** @param request its bytes are copied where they are kept */
  request(peer: Peer, request: HashSpan, nowMs: number): void {
    const { trees } = this.#options
    const chunk = trees?.chunkIn(request) ?? 'unanswerable'
    const leaves = typeof chunk === 'number' ? this.#known.get(chunk) : []
    if (trees === undefined || !this.#serves(peer, chunk, leaves, nowMs)) reject(peer, request)
    else if (leaves) reply(peer, request, trees.answer(request, leaves))
    else if (typeof chunk === 'number') {
      this.#waiting.push({ peer, span: { ...request, piecesRoot: request.piecesRoot.slice() }, chunk })
      this.#next()
    }
  }

  /**
   * @param leaves of a chunk as it is stored; undefined when it is not
   * @returns whether they are good: a store that spoilt its bytes is a store without the chunk
   */
  hashed(chunk: ChunkIndex, leaves: readonly Uint8Array[] | undefined): boolean {
    this.#hashing.delete(chunk)
    const { trees } = this.#options
    const good = leaves !== undefined && trees?.areLeaves(chunk, leaves) === true
    if (good) this.learn(chunk, leaves)
    const served = this.#waiting.filter((waiting) => waiting.chunk === chunk)
    this.#waiting = this.#waiting.filter((waiting) => waiting.chunk !== chunk)
    for (const { peer, span } of served) {
      if (good && this.#options.gives(chunk)) reply(peer, span, trees.answer(span, leaves))
      else reject(peer, span)
    }
    this.#next()
    return good
  }

  /** Leaf hashes that are known to be good. */
  learn(chunk: ChunkIndex, leaves: readonly Uint8Array[]): void {
    this.#known.add(chunk, leaves)
  }

  forget(peer: Peer): void {
    this.#accounts.delete(peer)
    this.#waiting = this.#waiting.filter((waiting) => waiting.peer !== peer)
  }

  #next(): void {
    for (const { chunk } of this.#waiting) {
      if (this.#hashing.size >= AT_ONCE) return
      if (this.#hashing.has(chunk)) continue
      this.#hashing.add(chunk)
      this.#options.emit({ kind: 'hashChunk', chunk })
    }
  }

  /** @param leaves of the chunk, when they are known */
  #serves(peer: Peer, chunk: Needed, leaves: readonly Uint8Array[] | undefined, nowMs: number): boolean {
    const { gives, lengthOf } = this.#options
    if (chunk === 'unanswerable' || peer.buffered > FULL) return false
    if (chunk === 'none') return this.#charge(peer, 0, nowMs)
    const waiting = this.#waiting.filter((other) => other.peer === peer).length
    return gives(chunk) && waiting < MOST_WAITING && this.#charge(peer, leaves ? 0 : lengthOf(chunk), nowMs)
  }

  #charge(peer: Peer, toHash: number, nowMs: number): boolean {
    const bytes = Math.max(LEAST_CHARGE, toHash)
    const { given } = peer.session
    const known = this.#accounts.get(peer) ?? { credit: BURST, sent: given, countedMs: nowMs }
    const earned = given - known.sent + (nowMs - known.countedMs) * CREDIT_PER_MS
    const credit = Math.min(BURST, known.credit + earned)
    const affordable = credit >= bytes
    this.#accounts.set(peer, { credit: affordable ? credit - bytes : credit, sent: given, countedMs: nowMs })
    return affordable
  }
}

function reply({ session }: Peer, span: HashSpan, hashes: readonly Uint8Array[]): void {
  const bytes = new Uint8Array(hashes.length * HASH_LENGTH)
  for (const [i, hash] of hashes.entries()) bytes.set(hash, i * HASH_LENGTH)
  session.send({ ...span, kind: 'hashes', hashes: bytes })
}

function reject({ session }: Peer, span: HashSpan): void {
  session.send({ ...span, kind: 'hash-reject' })
}
