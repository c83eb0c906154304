import { blocksOf, leafWidth, merkleRoot } from '../protocol/merkle.ts'
import { sha256 } from './sha256.ts'

/** The BEP 52 hash of a chunk of a file with `size` bytes. */
export function chunkRoot(bytes: Uint8Array, size: number, chunkSize: number): Uint8Array {
  return merkleRoot(blocksOf(bytes).map(sha256), leafWidth(size, chunkSize), sha256)
}
