import { ProtocolViolation } from '../errors.ts'
import { fromHex, toHex } from '../hex.ts'
import type { InfoHash } from '../units.ts'

/** 20 bytes that name a peer, as 40 lower-case hex digits. */
export type PeerId = string & { readonly format: 'peer-id' }

export interface Handshake {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  /** BEP 10 extension protocol. */
  readonly extended: boolean
  /** BEP 6 fast extension. */
  readonly fast: boolean
  /** BEP 52: would also speak about the v2 info hash. */
  readonly v2: boolean
}

export const HANDSHAKE_LENGTH = 68

/** Length byte and name of the protocol (BEP 3). */
const GREETING = Uint8Array.from('\x13BitTorrent protocol', (char) => char.charCodeAt(0))
const RESERVED = GREETING.length
const INFO_HASH = RESERVED + 8
const PEER_ID = INFO_HASH + 20

/** Byte within the reserved eight, and bit within it. */
const EXTENDED_BIT = [5, 0x10] as const
const FAST_BIT = [7, 0x04] as const
const V2_BIT = [7, 0x10] as const

export function encodeHandshake(handshake: Handshake): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HANDSHAKE_LENGTH)
  bytes.set(GREETING)
  const flag = ([at, bit]: readonly [number, number], on: boolean) => {
    if (on) bytes[RESERVED + at] = (bytes[RESERVED + at] ?? 0) | bit
  }
  flag(EXTENDED_BIT, handshake.extended)
  flag(FAST_BIT, handshake.fast)
  flag(V2_BIT, handshake.v2)
  bytes.set(fromHex(handshake.infoHash), INFO_HASH)
  bytes.set(fromHex(handshake.peerId), PEER_ID)
  return bytes
}

/** @throws ProtocolViolation when `bytes` are not a handshake */
export function parseHandshake(bytes: Uint8Array): Handshake {
  if (bytes.length !== HANDSHAKE_LENGTH) throw new ProtocolViolation(`handshake of ${bytes.length} bytes`)
  if (GREETING.some((byte, i) => bytes[i] !== byte)) throw new ProtocolViolation('not the BitTorrent protocol')
  const has = ([at, bit]: readonly [number, number]) => ((bytes[RESERVED + at] ?? 0) & bit) !== 0
  return {
    infoHash: toHex(bytes.subarray(INFO_HASH, PEER_ID)) as InfoHash,
    peerId: toHex(bytes.subarray(PEER_ID)) as PeerId,
    extended: has(EXTENDED_BIT),
    fast: has(FAST_BIT),
    v2: has(V2_BIT),
  }
}
