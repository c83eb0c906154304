import { ProtocolViolation } from '../errors.ts'

// Bitfields in wire order: the first chunk is the high bit of the first byte (BEP 3).

export function bitfieldLength(chunkCount: number): number {
  return (chunkCount + 7) >>> 3
}

export function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >>> 3] ?? 0) & (0x80 >>> (index & 7))) !== 0
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (0x80 >>> (index & 7))
}

export function clearBit(bits: Uint8Array, index: number): void {
  bits[index >>> 3] = (bits[index >>> 3] ?? 0) & ~(0x80 >>> (index & 7))
}

export function fullBitfield(chunkCount: number): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(bitfieldLength(chunkCount)).fill(0xff)
  if (chunkCount % 8 !== 0) bits[bits.length - 1] = 0xff00 >>> (chunkCount & 7)
  return bits
}

/** @throws ProtocolViolation when a peer's bitfield has the wrong length or sets spare bits (BEP 3) */
export function checkBitfield(bits: Uint8Array, chunkCount: number): void {
  if (bits.length !== bitfieldLength(chunkCount))
    throw new ProtocolViolation(`bitfield of ${bits.length} bytes for ${chunkCount} chunks`)
  const spare = 0xff >>> (chunkCount % 8 || 8)
  if (((bits[bits.length - 1] ?? 0) & spare) !== 0) throw new ProtocolViolation('spare bits set in the bitfield')
}
