import { ProtocolViolation } from '../errors.ts'
import { decodeBencoded, encodeBencoded, isDict } from './bencode.ts'

// The messages of `ut_metadata` (BEP 9): an info dictionary, in pieces of 16 KiB.

/** Name in the extension handshake (BEP 10). */
export const METADATA_EXTENSION = 'ut_metadata'
export const METADATA_PIECE = 16 * 1024
/** Bytes of an info dictionary: SHA-1 of 400,000 chunks. */
export const MAX_METADATA = 8 * 1024 * 1024

export type MetadataMessage =
  | { readonly kind: 'request'; readonly piece: number }
  | { readonly kind: 'data'; readonly piece: number; readonly totalSize: number; readonly bytes: Uint8Array }
  | { readonly kind: 'reject'; readonly piece: number }
  | { readonly kind: 'unknown' }

const KINDS = ['request', 'data', 'reject'] as const

export function encodeMetadata(message: Exclude<MetadataMessage, { kind: 'unknown' }>): Uint8Array<ArrayBuffer> {
  const { kind, piece } = message
  const head = { msg_type: KINDS.indexOf(kind), piece }
  if (message.kind !== 'data') return encodeBencoded(head)
  const dict = encodeBencoded({ ...head, total_size: message.totalSize })
  const whole = new Uint8Array(dict.length + message.bytes.length)
  whole.set(dict)
  whole.set(message.bytes, dict.length)
  return whole
}

/** @throws ProtocolViolation for anything that is no message of BEP 9 */
export function parseMetadata(payload: Uint8Array): MetadataMessage {
  const { value, length } = decodeBencoded(payload)
  const { msg_type: type, piece, total_size: totalSize } = isDict(value) ? value : {}
  if (typeof type !== 'number' || typeof piece !== 'number' || piece < 0)
    throw new ProtocolViolation('no message about metadata')
  const kind = KINDS[type]
  if (kind === undefined) return { kind: 'unknown' } // BEP 9: to be passed over
  if (kind !== 'data') return { kind, piece }
  const bytes = payload.subarray(length)
  if (typeof totalSize !== 'number' || bytes.length > METADATA_PIECE)
    throw new ProtocolViolation(`metadata in a piece of ${bytes.length} bytes`)
  return { kind, piece, totalSize, bytes }
}
