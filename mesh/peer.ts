import type { ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Session } from './session.ts'
import type { Want } from './wants.ts'

/** Names one connection; never used twice. */
export type LinkId = number & { readonly unit: 'link' }

/** One connection and what the swarm notes about it. */
export interface Peer {
  readonly link: LinkId
  readonly session: Session
  /** We made the offer. */
  readonly initiator: boolean
  /** Whom the signalling promised. */
  readonly expected: PeerId | undefined
  /** Chunks that this peer is to deliver. */
  readonly assigned: Set<Want>
  /** `Wants.version` when nothing was found for this peer, so that it is not searched again in vain. */
  searched: number
  /** Its chunks are counted as available. */
  counted: boolean
  /** Bytes handed to the link that it has not sent, as far as known. */
  buffered: number
  /** Stored chunk that it waits for. */
  reading: ChunkIndex | undefined
  /** It was silent: it gets nothing new before this time. */
  restsUntilMs: number
  /** When something was last sent. */
  sentMs: number
}
