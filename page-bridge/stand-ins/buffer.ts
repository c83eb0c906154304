import { toHex } from '../../protocol/hex.ts'

// Stands in for the `buffer` and `safe-buffer` packages: what simple-peer and randombytes ask of them.

class HexBytes extends Uint8Array {
  /** Only ever asked for as hex digits. */
  override toString(): string {
    return toHex(this)
  }
}

export const Buffer = {
  /** A view, as Node's is; plain, because nothing that Node's adds is used. */
  from: (bytes: ArrayBuffer): Uint8Array => new Uint8Array(bytes),
  allocUnsafe: (length: number): Uint8Array => new HexBytes(length),
}
