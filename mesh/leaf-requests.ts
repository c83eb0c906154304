import { HASH_LENGTH } from '../protocol/merkle.ts'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import type { HashSpan } from '../protocol/wire/messages.ts'
import type { Peer } from './peer.ts'
import type { SwarmTrees } from './swarm-trees.ts'
import type { Want } from './wants.ts'

/** A smaller chunk is there as soon as its leaf hashes would be. */
const WORTH_ASKING = 64 * KiB
/** A peer that has not answered by then is not waited for. */
const ANSWER_MS = 2_000
/** Peers asked for the leaf hashes of one chunk. */
const MOST_ASKED = 3

/** What one peer was asked for the sake of one chunk. */
interface Ask {
  readonly want: Want
  readonly peer: Peer
  readonly spans: readonly HashSpan[]
  /** Leaves of each span, as they come. */
  readonly parts: (readonly Uint8Array[] | undefined)[]
  readonly askedMs: number
}

/** `wrong`: the peer made them up. `wait`: there is more to come, or nobody asked. */
export type LeafAnswer =
  | { readonly kind: 'leaves'; readonly want: Want; readonly leaves: readonly Uint8Array[] }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'wait' }

const WAIT: LeafAnswer = { kind: 'wait' }

export interface LeafRequestsOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
  readonly trees: SwarmTrees
  readonly lengthOf: (chunk: ChunkIndex) => number
}

/** Asks peers for the leaf hashes of wanted chunks (BEP 52), one peer a chunk at a time. */
export class LeafRequests {
  readonly #options: LeafRequestsOptions
  readonly #asks = new Map<Want, Ask>()

  constructor(options: LeafRequestsOptions) {
    this.#options = options
  }

  /** Asks for the leaves of a chunk, unless somebody is asked already. @param first whom to ask if it can answer */
  ask(want: Want, first: Peer | undefined, nowMs: number): void {
    const isWorthIt = this.#options.lengthOf(want.chunk) > WORTH_ASKING && want.askedForLeaves.size < MOST_ASKED
    if (!isWorthIt || want.assembly.hasLeaves || this.#asks.has(want)) return
    const peer = first && mayAnswer(first, want) ? first : this.#holder(want)
    if (peer === undefined) return
    const spans = this.#options.trees.leafSpans(want.chunk)
    want.askedForLeaves.add(peer)
    this.#asks.set(want, { want, peer, spans, parts: spans.map(() => undefined), askedMs: nowMs })
    for (const span of spans) peer.session.send({ kind: 'hash-request', ...span })
  }

  /** @param hashes of a message: copied where they are kept */
  answered(peer: Peer, span: HashSpan, hashes: Uint8Array): LeafAnswer {
    const ask = this.#asked(peer, span)
    if (ask === undefined) return WAIT
    const { want, spans, parts } = ask
    const list = splitHashes(hashes.slice())
    if (!this.#options.trees.proves(want.chunk, span, list)) {
      this.#asks.delete(want)
      return { kind: 'wrong' }
    }
    parts[spans.findIndex(({ index }) => index === span.index)] = list.slice(0, span.length)
    const leaves = parts.flatMap((part) => part ?? [])
    if (parts.includes(undefined)) return WAIT
    this.#asks.delete(want)
    return { kind: 'leaves', want, leaves: leaves.slice(0, want.assembly.blockCount) }
  }

  /** The peer will not answer: another is asked. */
  rejected(peer: Peer, span: HashSpan, nowMs: number): void {
    const ask = this.#asked(peer, span)
    if (ask) this.#askAnother(ask, nowMs)
  }

  /** The chunk is wanted no longer. */
  drop(want: Want): void {
    this.#asks.delete(want)
  }

  /** The peer is gone. */
  forget(peer: Peer, nowMs: number): void {
    for (const ask of [...this.#asks.values()]) if (ask.peer === peer) this.#askAnother(ask, nowMs)
  }

  tick(nowMs: number): void {
    for (const ask of [...this.#asks.values()]) if (nowMs - ask.askedMs >= ANSWER_MS) this.#askAnother(ask, nowMs)
  }

  #askAnother({ want }: Ask, nowMs: number): void {
    this.#asks.delete(want)
    this.ask(want, undefined, nowMs)
  }

  /** What of this span a peer owes us; few chunks are collected at a time. */
  #asked(peer: Peer, span: HashSpan): Ask | undefined {
    for (const ask of this.#asks.values())
      if (ask.peer === peer && ask.spans.some((asked, part) => ask.parts[part] === undefined && sameSpan(asked, span)))
        return ask
    return undefined
  }

  #holder(want: Want): Peer | undefined {
    for (const peer of this.#options.peers.values()) if (mayAnswer(peer, want)) return peer
    return undefined
  }
}

function mayAnswer(peer: Peer, want: Want): boolean {
  return peer.session.provesBlocks && peer.session.has(want.chunk) && !want.askedForLeaves.has(peer)
}

function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_LENGTH }, (_, i) =>
    bytes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH),
  )
}

function sameSpan(a: HashSpan, b: HashSpan): boolean {
  return (
    a.index === b.index &&
    a.length === b.length &&
    a.baseLayer === b.baseLayer &&
    a.proofLayers === b.proofLayers &&
    a.piecesRoot.every((byte, i) => byte === b.piecesRoot[i])
  )
}
