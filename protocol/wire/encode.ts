import { ProtocolViolation } from '../errors.ts'
import { BLOCK_SIZE } from '../units.ts'
import {
  type BlockSpan,
  type HashSpan,
  MAX_BITFIELD,
  MAX_EXTENDED,
  MAX_HASHES,
  MAX_PROOF_LAYERS,
  MESSAGE_TYPE as TYPE,
  type WireMessage,
} from './messages.ts'

type Frame = Uint8Array<ArrayBuffer>

/** What can be sent: all that this codec knows by name. */
export type Sendable = Exclude<WireMessage, { kind: 'unknown' }>

/** Bytes before the payload of a piece message: length, type, chunk, offset. */
const PIECE_HEADER = 13
const SPAN_BODY = 12
const HASH_SPAN_BODY = 48

/**
 * One message with its length prefix: the inverse of the decoder.
 * @throws ProtocolViolation where the decoder would refuse the frame
 */
export function encodeMessage(message: Sendable): Frame {
  switch (message.kind) {
    case 'keep-alive':
      return new Uint8Array(4)
    case 'choke':
      return frame(TYPE.choke, 0)
    case 'unchoke':
      return frame(TYPE.unchoke, 0)
    case 'interested':
      return frame(TYPE.interested, 0)
    case 'not-interested':
      return frame(TYPE.notInterested, 0)
    case 'have-all':
      return frame(TYPE.haveAll, 0)
    case 'have-none':
      return frame(TYPE.haveNone, 0)
    case 'have':
      return index(TYPE.have, message.chunk)
    case 'suggest':
      return index(TYPE.suggest, message.chunk)
    case 'allowed-fast':
      return index(TYPE.allowedFast, message.chunk)
    case 'request':
      return blockSpan(TYPE.request, message)
    case 'cancel':
      return blockSpan(TYPE.cancel, message)
    case 'reject':
      return blockSpan(TYPE.reject, message)
    case 'bitfield':
      return bytes(TYPE.bitfield, message.bits, MAX_BITFIELD)
    case 'piece':
      return joinFrames([pieceHead({ ...message, length: message.bytes.length }), message.bytes])
    case 'port':
      return port(message.port)
    case 'extended':
      return extended(message.id, message.payload)
    case 'hash-request':
      return hashSpan(TYPE.hashRequest, message)
    case 'hash-reject':
      return hashSpan(TYPE.hashReject, message)
    case 'hashes':
      return hashSpan(TYPE.hashes, message, message.hashes)
  }
}

/** Joins frames, so that one data channel message carries them all. */
export function joinFrames(frames: readonly Uint8Array[]): Frame {
  const joined = new Uint8Array(frames.reduce((sum, each) => sum + each.length, 0))
  let at = 0
  for (const each of frames) {
    joined.set(each, at)
    at += each.length
  }
  return joined
}

function frame(type: number, bodyLength: number): Frame {
  const made = new Uint8Array(5 + bodyLength)
  new DataView(made.buffer).setUint32(0, 1 + bodyLength)
  made[4] = type
  return made
}

function index(type: number, chunk: number): Frame {
  const made = frame(type, 4)
  new DataView(made.buffer).setUint32(5, chunk)
  return made
}

function blockSpan(type: number, { chunk, offset, length }: BlockSpan): Frame {
  // A refusal repeats what was asked, however large; we ourselves never ask for more than a block.
  if (type === TYPE.request && (length < 1 || length > BLOCK_SIZE))
    throw new ProtocolViolation(`block of ${length} bytes`)
  const made = frame(type, SPAN_BODY)
  const view = new DataView(made.buffer)
  view.setUint32(5, chunk)
  view.setUint32(9, offset)
  view.setUint32(13, length)
  return made
}

function bytes(type: number, body: Uint8Array, most: number): Frame {
  if (body.length > most) throw new ProtocolViolation(`body of ${body.length} bytes, at most ${most}`)
  const made = frame(type, body.length)
  made.set(body, 5)
  return made
}

/** What stands before the bytes of a piece, so that whoever sends it copies them once. */
export function pieceHead({ chunk, offset, length }: BlockSpan): Frame {
  if (length > BLOCK_SIZE) throw new ProtocolViolation(`block of ${length} bytes`)
  const made = new Uint8Array(PIECE_HEADER)
  const view = new DataView(made.buffer)
  view.setUint32(0, PIECE_HEADER - 4 + length)
  made[4] = TYPE.piece
  view.setUint32(5, chunk)
  view.setUint32(9, offset)
  return made
}

function port(number: number): Frame {
  const made = frame(TYPE.port, 2)
  new DataView(made.buffer).setUint16(5, number)
  return made
}

function extended(id: number, payload: Uint8Array): Frame {
  if (payload.length > MAX_EXTENDED) throw new ProtocolViolation(`extended message of ${payload.length} bytes`)
  const made = frame(TYPE.extended, 1 + payload.length)
  made[5] = id
  made.set(payload, 6)
  return made
}

function hashSpan(type: number, span: HashSpan, hashes: Uint8Array = new Uint8Array()): Frame {
  if (span.piecesRoot.length !== 32) throw new ProtocolViolation(`pieces root of ${span.piecesRoot.length} bytes`)
  if (span.length > MAX_HASHES || span.proofLayers > MAX_PROOF_LAYERS || hashes.length % 32 !== 0)
    throw new ProtocolViolation(`hash span of ${span.length} hashes and ${span.proofLayers} proof layers`)
  const made = frame(type, HASH_SPAN_BODY + hashes.length)
  made.set(span.piecesRoot, 5)
  const view = new DataView(made.buffer)
  view.setUint32(37, span.baseLayer)
  view.setUint32(41, span.index)
  view.setUint32(45, span.length)
  view.setUint32(49, span.proofLayers)
  made.set(hashes, 53)
  return made
}
