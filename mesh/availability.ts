import { bitfieldLength, clearBit, hasBit, setBit } from '../protocol/wire/bitfield.ts'

/** How many peers would send us each chunk, and the union of what they hold. */
export class Availability {
  readonly #counts: Uint16Array
  /** Wire order. */
  readonly union: Uint8Array<ArrayBuffer>

  constructor(chunkCount: number) {
    this.#counts = new Uint16Array(chunkCount)
    this.union = new Uint8Array(bitfieldLength(chunkCount))
  }

  add(chunk: number): void {
    this.#counts[chunk] = (this.#counts[chunk] ?? 0) + 1
    setBit(this.union, chunk)
  }

  remove(chunk: number): void {
    const left = (this.#counts[chunk] ?? 0) - 1
    this.#counts[chunk] = Math.max(0, left)
    if (left <= 0) clearBit(this.union, chunk)
  }

  addAll(bits: Uint8Array): void {
    this.#each(bits, (chunk) => this.add(chunk))
  }

  removeAll(bits: Uint8Array): void {
    this.#each(bits, (chunk) => this.remove(chunk))
  }

  #each(bits: Uint8Array, visit: (chunk: number) => void): void {
    for (let byte = 0; byte < bits.length; byte++) {
      if (bits[byte] === 0) continue
      for (let chunk = byte * 8; chunk < byte * 8 + 8; chunk++) if (hasBit(bits, chunk)) visit(chunk)
    }
  }
}
