import type { ChunkIndex } from '../units.ts'

/** A part of a chunk, at most 16 KiB long: what one request asks for. A chunk is a piece in BEP 3. */
export interface BlockSpan {
  readonly chunk: ChunkIndex
  /** Bytes from the start of the chunk. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
}

/** What the three hash messages of BEP 52 name: a run of hashes in one layer of a file's tree. */
export interface HashSpan {
  /** 32 bytes: root of the file's tree. */
  readonly piecesRoot: Uint8Array
  /** Layer of the hashes; 0 is the leaves. */
  readonly baseLayer: number
  /** First hash, counted in the base layer. */
  readonly index: number
  /** Hashes asked for. */
  readonly length: number
  /** Layers of uncle hashes that prove them. */
  readonly proofLayers: number
}

/** Every message between two peers after the handshake: BEP 3, 5, 6, 10 and 52. */
export type WireMessage =
  | { readonly kind: 'keep-alive' }
  | { readonly kind: 'choke' }
  | { readonly kind: 'unchoke' }
  | { readonly kind: 'interested' }
  | { readonly kind: 'not-interested' }
  | { readonly kind: 'have'; readonly chunk: ChunkIndex }
  | { readonly kind: 'bitfield'; readonly bits: Uint8Array }
  | ({ readonly kind: 'request' } & BlockSpan)
  | { readonly kind: 'piece'; readonly chunk: ChunkIndex; readonly offset: number; readonly bytes: Uint8Array }
  | ({ readonly kind: 'cancel' } & BlockSpan)
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'suggest'; readonly chunk: ChunkIndex }
  | { readonly kind: 'have-all' }
  | { readonly kind: 'have-none' }
  | ({ readonly kind: 'reject' } & BlockSpan)
  | { readonly kind: 'allowed-fast'; readonly chunk: ChunkIndex }
  | { readonly kind: 'extended'; readonly id: number; readonly payload: Uint8Array }
  | ({ readonly kind: 'hash-request' } & HashSpan)
  | ({ readonly kind: 'hashes'; readonly hashes: Uint8Array } & HashSpan)
  | ({ readonly kind: 'hash-reject' } & HashSpan)
  /** A type this codec does not know: peers of later versions send them, and BEP 3 peers pass over them. */
  | { readonly kind: 'unknown'; readonly type: number }

/** The byte after the length prefix. */
export const MESSAGE_TYPE = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9, // BEP 5
  suggest: 13, // BEP 6
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20, // BEP 10
  hashRequest: 21, // BEP 52
  hashes: 22,
  hashReject: 23,
} as const

/** Bytes of a bitfield: room for four million chunks. */
export const MAX_BITFIELD = 512 * 1024
/** Bytes of an extended message after its id: a 16 KiB metadata piece (BEP 9) or a large KRPC answer, and its header. */
export const MAX_EXTENDED = 32 * 1024
/** BEP 52 allows at most 512 hashes in an answer; proof layers cannot exceed the depth of a tree over 2^53 bytes. */
export const MAX_HASHES = 512
export const MAX_PROOF_LAYERS = 40
/** Bytes of a message of unknown type. */
export const MAX_UNKNOWN = 16 * 1024
