import { ProtocolViolation } from '../errors.ts'
import type { ChunkSpan } from '../geometry.ts'
import type { ChunkIndex } from '../units.ts'

// The payload of `tr_loading`: which chunks its sender is fetching from the origin. `docs/spec/wire.md` tells the rest.

/** Name in the extension handshake (BEP 10). */
export const LOADING_EXTENSION = 'tr_loading'
export const MAX_LOADING_SPANS = 8
/** First chunk and count, four bytes each. */
const PAIR = 8

/** @throws ProtocolViolation where the parser would refuse the payload */
export function encodeLoading(spans: readonly ChunkSpan[]): Uint8Array<ArrayBuffer> {
  if (spans.length > MAX_LOADING_SPANS) throw new ProtocolViolation(`${spans.length} runs of loading chunks`)
  const payload = new Uint8Array(PAIR * spans.length)
  const view = new DataView(payload.buffer)
  for (const [i, { first, after }] of spans.entries()) {
    view.setUint32(PAIR * i, first)
    view.setUint32(PAIR * i + 4, after - first)
  }
  return payload
}

/** @throws ProtocolViolation when `payload` is not of the form, or names chunks that the swarm does not have */
export function parseLoading(payload: Uint8Array, chunkCount: number): ChunkSpan[] {
  if (payload.length % PAIR !== 0 || payload.length > PAIR * MAX_LOADING_SPANS)
    throw new ProtocolViolation(`loading chunks in ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return Array.from({ length: payload.length / PAIR }, (_, i) => {
    const first = view.getUint32(PAIR * i)
    const after = first + view.getUint32(PAIR * i + 4)
    if (after > chunkCount) throw new ProtocolViolation(`loading chunks ${first} to ${after} of ${chunkCount}`)
    return { first: first as ChunkIndex, after: after as ChunkIndex }
  })
}
