import { ProtocolViolation } from '../errors.ts'
import { BLOCK_SIZE, type ChunkIndex } from '../units.ts'
import {
  type BlockSpan,
  type HashSpan,
  MAX_BITFIELD,
  MAX_EXTENDED,
  MAX_HASHES,
  MAX_PROOF_LAYERS,
  MAX_UNKNOWN,
  MESSAGE_TYPE as TYPE,
  type WireMessage,
} from './messages.ts'

const HASH_SPAN_LENGTH = 49

/** Frame lengths (type byte included) that a type allows. Half-open would read worse here: both ends are inclusive. */
const LENGTHS: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [TYPE.choke, [1, 1]],
  [TYPE.unchoke, [1, 1]],
  [TYPE.interested, [1, 1]],
  [TYPE.notInterested, [1, 1]],
  [TYPE.have, [5, 5]],
  [TYPE.bitfield, [1, 1 + MAX_BITFIELD]],
  [TYPE.request, [13, 13]],
  [TYPE.piece, [9, 9 + BLOCK_SIZE]],
  [TYPE.cancel, [13, 13]],
  [TYPE.port, [3, 3]],
  [TYPE.suggest, [5, 5]],
  [TYPE.haveAll, [1, 1]],
  [TYPE.haveNone, [1, 1]],
  [TYPE.reject, [13, 13]],
  [TYPE.allowedFast, [5, 5]],
  [TYPE.extended, [2, 2 + MAX_EXTENDED]],
  [TYPE.hashRequest, [HASH_SPAN_LENGTH, HASH_SPAN_LENGTH]],
  [TYPE.hashes, [HASH_SPAN_LENGTH, HASH_SPAN_LENGTH + 32 * (MAX_HASHES + MAX_PROOF_LAYERS)]],
  [TYPE.hashReject, [HASH_SPAN_LENGTH, HASH_SPAN_LENGTH]],
])

/**
 * Refuses a frame by its first bytes, before anything is allocated for the rest.
 * @param length of the frame, without its prefix
 * @throws ProtocolViolation
 */
export function checkFrameLength(type: number, length: number): void {
  const [least, most] = LENGTHS.get(type) ?? [1, 1 + MAX_UNKNOWN]
  if (length < least || length > most) throw new ProtocolViolation(`message type ${type} of ${length} bytes`)
}

/**
 * Decodes one frame.
 * @param frame without its length prefix, not empty. Byte fields of the result are views of it.
 * @throws ProtocolViolation, and nothing else
 */
export function decodeFrame(frame: Uint8Array): WireMessage {
  const type = frame[0]
  if (type === undefined) return { kind: 'keep-alive' }
  checkFrameLength(type, frame.length)
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  switch (type) {
    case TYPE.choke:
      return { kind: 'choke' }
    case TYPE.unchoke:
      return { kind: 'unchoke' }
    case TYPE.interested:
      return { kind: 'interested' }
    case TYPE.notInterested:
      return { kind: 'not-interested' }
    case TYPE.have:
      return { kind: 'have', chunk: chunkAt(view) }
    case TYPE.bitfield:
      return { kind: 'bitfield', bits: frame.subarray(1) }
    case TYPE.request:
      return { kind: 'request', ...blockSpan(view) }
    case TYPE.piece:
      return { kind: 'piece', chunk: chunkAt(view), offset: view.getUint32(5), bytes: frame.subarray(9) }
    case TYPE.cancel:
      return { kind: 'cancel', ...blockSpan(view) }
    case TYPE.port:
      return { kind: 'port', port: view.getUint16(1) }
    case TYPE.suggest:
      return { kind: 'suggest', chunk: chunkAt(view) }
    case TYPE.haveAll:
      return { kind: 'have-all' }
    case TYPE.haveNone:
      return { kind: 'have-none' }
    case TYPE.reject:
      return { kind: 'reject', ...blockSpan(view) }
    case TYPE.allowedFast:
      return { kind: 'allowed-fast', chunk: chunkAt(view) }
    case TYPE.extended:
      return { kind: 'extended', id: view.getUint8(1), payload: frame.subarray(2) }
    case TYPE.hashRequest:
      return { kind: 'hash-request', ...hashSpan(view, frame) }
    case TYPE.hashes:
      return hashes(view, frame)
    case TYPE.hashReject:
      return { kind: 'hash-reject', ...hashSpan(view, frame) }
    default:
      return { kind: 'unknown', type }
  }
}

function chunkAt(view: DataView): ChunkIndex {
  return view.getUint32(1) as ChunkIndex
}

function blockSpan(view: DataView): BlockSpan {
  return { chunk: chunkAt(view), offset: view.getUint32(5), length: view.getUint32(9) }
}

function hashSpan(view: DataView, frame: Uint8Array): HashSpan {
  const span = {
    piecesRoot: frame.subarray(1, 33),
    baseLayer: view.getUint32(33),
    index: view.getUint32(37),
    length: view.getUint32(41),
    proofLayers: view.getUint32(45),
  }
  if (span.length > MAX_HASHES || span.proofLayers > MAX_PROOF_LAYERS)
    throw new ProtocolViolation(`hash span of ${span.length} hashes and ${span.proofLayers} proof layers`)
  return span
}

function hashes(view: DataView, frame: Uint8Array): WireMessage {
  const bytes = frame.subarray(HASH_SPAN_LENGTH)
  if (bytes.length % 32 !== 0) throw new ProtocolViolation(`hashes of ${bytes.length} bytes`)
  return { kind: 'hashes', ...hashSpan(view, frame), hashes: bytes }
}
