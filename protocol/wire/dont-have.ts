import { ProtocolViolation } from '../errors.ts'
import type { ChunkIndex } from '../units.ts'

// The payload of `lt_donthave` (BEP 54): takes a HAVE back.

/** Name in the extension handshake (BEP 10). */
export const DONT_HAVE_EXTENSION = 'lt_donthave'

export function encodeDontHave(chunk: ChunkIndex): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4)
  new DataView(payload.buffer).setUint32(0, chunk)
  return payload
}

/** @throws ProtocolViolation when `payload` is not of the form, or names a chunk that the swarm does not have */
export function parseDontHave(payload: Uint8Array, chunkCount: number): ChunkIndex {
  if (payload.length !== 4) throw new ProtocolViolation(`a chunk that is gone in ${payload.length} bytes`)
  const chunk = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0)
  if (chunk >= chunkCount) throw new ProtocolViolation(`chunk ${chunk} of ${chunkCount} is gone`)
  return chunk as ChunkIndex
}
