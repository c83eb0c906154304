import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { LinkId } from './peer.ts'
import type { SwarmTrees } from './swarm-trees.ts'
import type { UploadShare } from './upload-budget.ts'

// What goes into a swarm and comes out of it.

export type SwarmInput =
  /** `peerId`: whom the signalling promised. `initiator`: we made the offer. */
  | { readonly kind: 'linkOpened'; readonly link: LinkId; readonly initiator: boolean; readonly peerId?: PeerId }
  /** `bytes` are read before the call returns. */
  | { readonly kind: 'received'; readonly link: LinkId; readonly bytes: Uint8Array }
  /** `buffered`: bytes handed to the link that it has not sent. */
  | { readonly kind: 'drained'; readonly link: LinkId; readonly buffered: number }
  | { readonly kind: 'linkClosed'; readonly link: LinkId }
  /** Wanting again changes the deadline. */
  | { readonly kind: 'want'; readonly chunk: ChunkIndex; readonly deadlineMs: number }
  | { readonly kind: 'unwant'; readonly chunk: ChunkIndex }
  /** Answer to `verify`. */
  | { readonly kind: 'verified'; readonly id: number; readonly good: boolean }
  /** Answer to `hashBlock`: its SHA-256. */
  | { readonly kind: 'hashed'; readonly id: number; readonly hash: Uint8Array }
  /** Answer to `hashChunk`: the SHA-256 of each of its blocks, or undefined when it is not stored. */
  | { readonly kind: 'chunkHashed'; readonly chunk: ChunkIndex; readonly leaves: readonly Uint8Array[] | undefined }
  /** Answer to `read`. */
  | { readonly kind: 'chunkRead'; readonly chunk: ChunkIndex; readonly bytes: Uint8Array | undefined }
  | { readonly kind: 'stored'; readonly chunks: ChunkSpan }
  /** What is on its way to us from elsewhere, and nothing else is. */
  | { readonly kind: 'loading'; readonly chunks: readonly ChunkSpan[] }
  /** The store does not have these any more. */
  | { readonly kind: 'dropped'; readonly chunks: ChunkSpan }
  /** A message of one of `SwarmOptions.guests`. */
  | { readonly kind: 'extend'; readonly link: LinkId; readonly extension: string; readonly payload: Uint8Array }
  | { readonly kind: 'sharing'; readonly sharing: boolean }
  /** Some time passed: about four times a second is enough. */
  | { readonly kind: 'tick' }

export type SwarmEffect =
  | { readonly kind: 'send'; readonly link: LinkId; readonly bytes: Uint8Array }
  | { readonly kind: 'closeLink'; readonly link: LinkId; readonly reason: string }
  /** All bytes of a chunk are here: check their hash and answer `verified` with this id. */
  | {
      readonly kind: 'verify'
      readonly id: number
      readonly chunk: ChunkIndex
      readonly bytes: Uint8Array<ArrayBuffer>
    }
  /** A block is here: hash it and answer `hashed` with this id. `bytes` are a view that is good until the call returns. */
  | {
      readonly kind: 'hashBlock'
      readonly id: number
      readonly chunk: ChunkIndex
      readonly bytes: Uint8Array<ArrayBuffer>
    }
  /** The beginning of a wanted chunk, as far as it is here and good: a view that is good until the chunk is delivered. */
  | { readonly kind: 'progress'; readonly chunk: ChunkIndex; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A good chunk. The bytes are the receiver's to keep. */
  | { readonly kind: 'deliver'; readonly chunk: ChunkIndex; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Nobody delivers this chunk in time. */
  | { readonly kind: 'giveUp'; readonly chunk: ChunkIndex }
  /** A peer wants this stored chunk now or soon: answer `chunkRead`. Worth a cache, as it may be asked for again. */
  | { readonly kind: 'read'; readonly chunk: ChunkIndex }
  /** A peer asks for the hashes of this stored chunk's blocks: answer `chunkHashed`. */
  | { readonly kind: 'hashChunk'; readonly chunk: ChunkIndex }
  | { readonly kind: 'ban'; readonly peerId: PeerId }
  /** Peers, or what they hold, changed. */
  | { readonly kind: 'statusChanged' }
  /** The peer speaks one of `SwarmOptions.guests`. Once for each of them and link. */
  | { readonly kind: 'speaks'; readonly link: LinkId; readonly extension: string }
  /** The peer says something in one of `SwarmOptions.guests`. `payload` is a view that is good until the call returns. */
  | { readonly kind: 'extended'; readonly link: LinkId; readonly extension: string; readonly payload: Uint8Array }

export interface SwarmOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly chunkCount: number
  /** Bytes of a chunk. */
  readonly lengthOf: (chunk: ChunkIndex) => number
  /** Bytes of a whole chunk. */
  readonly chunkSize: number
  /** Hash trees of the files: blocks are proven one by one where peers give their hashes. */
  readonly trees?: SwarmTrees
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly nowMs: number
  readonly sharing?: boolean
  /** No cap by default. */
  readonly uploadShare?: UploadShare
  readonly maxPeers?: number
  readonly uploadSlots?: number
  /** Extensions that somebody else speaks on our links (BEP 10). */
  readonly guests?: readonly string[]
  /** Bytes of the info dictionary, where one of the guests gives it (BEP 9). */
  readonly metadataSize?: number
}
