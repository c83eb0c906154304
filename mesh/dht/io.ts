import type { Sha256Sync } from '../../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import type { LinkId } from '../peer.ts'
import type { Id } from './id.ts'

// What a node of the DHT is told, and what it asks of whoever runs it.

/** Names one connection in the making; never used twice by one node. */
export type DialId = number & { readonly unit: 'dial' }
/** Names one thing asked of the outside; never used twice. */
export type JobId = number & { readonly unit: 'job' }

export type DhtInput =
  /**
   * A link is open whose other end speaks `tr_dht`.
   * `channelBinding`: the same at both ends, and on no other connection. `dial`: the connection that it comes of.
   */
  | {
      readonly kind: 'linkOpened'
      readonly link: LinkId
      readonly channelBinding: Uint8Array
      readonly dial?: DialId
    }
  /** One `tr_dht` message; read before the call returns. */
  | { readonly kind: 'received'; readonly link: LinkId; readonly bytes: Uint8Array }
  | { readonly kind: 'linkClosed'; readonly link: LinkId }
  /** Answer to `sign`. */
  | { readonly kind: 'signed'; readonly job: JobId; readonly signature: Uint8Array }
  /** Answer to `verify`. */
  | { readonly kind: 'verified'; readonly job: JobId; readonly good: boolean }
  /** Answer to `makeOffer` and `makeAnswer`; undefined when there will be none. */
  | { readonly kind: 'described'; readonly dial: DialId; readonly description: string | undefined }
  /** A connection that will not open. */
  | { readonly kind: 'dialFailed'; readonly dial: DialId }
  /**
   * Find who has a chunk; `found` and `searched` will name `search`.
   * `avoid`: providers that are known already: others are looked for.
   */
  | {
      readonly kind: 'find'
      readonly search: number
      readonly infoHash: InfoHash
      readonly chunk: ChunkIndex
      readonly avoid?: readonly Id[]
    }
  /** A provider that was found is not there, or has not what it says: the search goes on, another way. */
  | { readonly kind: 'useless'; readonly search: number; readonly provider: Id }
  /** Nothing more is to be told of this search. */
  | { readonly kind: 'stopFinding'; readonly search: number }
  /** All chunks of a region that we serve, in wire order from its first one; none any more when empty. */
  | { readonly kind: 'provide'; readonly infoHash: InfoHash; readonly region: number; readonly bits: Uint8Array }
  /** Make a link with this node for a swarm; `connected` will name `request`. */
  | { readonly kind: 'connect'; readonly request: number; readonly node: Id; readonly infoHash: InfoHash }
  /** It is `wakeMs`, or later. */
  | { readonly kind: 'tick' }

export type DhtEffect =
  /** One `tr_dht` message. */
  | { readonly kind: 'send'; readonly link: LinkId; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The DHT is done with this link for good; who else uses it may keep it. */
  | { readonly kind: 'releaseLink'; readonly link: LinkId; readonly reason: string }
  /** Who is at the other end of a link. */
  | { readonly kind: 'proven'; readonly link: LinkId; readonly id: Id }
  /** Sign with our key, answer `signed`. */
  | { readonly kind: 'sign'; readonly job: JobId; readonly bytes: Uint8Array }
  /** Check an Ed25519 signature, answer `verified`. */
  | {
      readonly kind: 'verify'
      readonly job: JobId
      readonly publicKey: Uint8Array
      readonly bytes: Uint8Array
      readonly signature: Uint8Array
    }
  /** Make an offer with all its candidates, answer `described`. */
  | { readonly kind: 'makeOffer'; readonly dial: DialId }
  /** An offer for us, or for a swarm of ours: answer `described`. `infoHash`: what the link is for, if not for the DHT. */
  | {
      readonly kind: 'makeAnswer'
      readonly dial: DialId
      readonly from: Id
      readonly offer: string
      readonly infoHash: InfoHash | undefined
    }
  /** The answer to our offer, with the swarm of its `connect`: go on, and then `linkOpened` or `dialFailed`. */
  | {
      readonly kind: 'accept'
      readonly dial: DialId
      readonly from: Id
      readonly answer: string
      readonly infoHash: InfoHash | undefined
    }
  /** Nobody will answer this offer, or come to this answer. */
  | { readonly kind: 'abandon'; readonly dial: DialId }
  /** Records of providers, verified, the newest first; none is told twice for the same search. */
  | { readonly kind: 'found'; readonly search: number; readonly providers: readonly Provider[]; readonly hops: number }
  /** A search has found enough, or has nowhere else to look. */
  | { readonly kind: 'searched'; readonly search: number }
  /** How a `connect` ends; `dial` is then the link's. */
  | { readonly kind: 'connected'; readonly request: number; readonly dial: DialId | undefined }
  /** No links, or too few for too long: a tracker is needed to find some. */
  | { readonly kind: 'lonely' }

export interface Provider {
  readonly id: Id
  /** Chunks of the region that it holds, in wire order, perhaps shorter than the region. */
  readonly bits: Uint8Array
}

export interface DhtOptions {
  /** Ed25519, 32 bytes; `sign` effects are for its private half. */
  readonly publicKey: Uint8Array
  readonly sha256: Sha256Sync
  readonly randomBytes: (length: number) => Uint8Array
  readonly nowMs: number
  /** Milliseconds since 1970 at the moment when the clock of the inputs is 0. */
  readonly epochMs: number
  /** Links that the DHT wants. */
  readonly links?: number
}
