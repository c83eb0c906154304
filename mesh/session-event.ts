import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { HashSpan } from '../protocol/wire/messages.ts'

/** What a session tells its swarm. */
export type SessionEvent =
  /** The peer has said who it is. */
  | { readonly kind: 'greeted'; readonly peerId: PeerId }
  /** `bits` changed as a whole. */
  | { readonly kind: 'bitfield' }
  | { readonly kind: 'have'; readonly chunk: ChunkIndex }
  /** The peer no longer serves us, and forgot what we asked for. */
  | { readonly kind: 'choked' }
  | { readonly kind: 'unchoked' }
  /** The peer began or ceased to want our chunks. */
  | { readonly kind: 'interest' }
  /** A block that we asked for. `bytes` is a view of the input: copy it before the next input. */
  | { readonly kind: 'block'; readonly chunk: ChunkIndex; readonly offset: number; readonly bytes: Uint8Array }
  /** The peer will not send this chunk. */
  | { readonly kind: 'rejected'; readonly chunk: ChunkIndex }
  /** The upload queue has something new. */
  | { readonly kind: 'requested' }
  /** The peer has said which extensions it speaks. */
  | { readonly kind: 'extensions' }
  /** A message of an extension that somebody else speaks here. `payload` is a view of the input. */
  | { readonly kind: 'extended'; readonly extension: string; readonly payload: Uint8Array }
  /** The peer asks for hashes. Byte fields are views of the input here and below. */
  | { readonly kind: 'hashes-requested'; readonly span: HashSpan }
  | { readonly kind: 'hashes'; readonly span: HashSpan; readonly hashes: Uint8Array }
  | { readonly kind: 'hashes-rejected'; readonly span: HashSpan }
  /** The chunks that the peer is fetching from the origin, and no others. */
  | { readonly kind: 'loading'; readonly chunks: readonly ChunkSpan[] }
