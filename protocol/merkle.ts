import { blockCountOf } from './geometry.ts'
import { BLOCK_SIZE } from './units.ts'

export const HASH_LENGTH = 32

/** SHA-256 of `bytes`, at once. Handed in, as the fastest one differs from realm to realm. */
export type Sha256Sync = (bytes: Uint8Array) => Uint8Array

/** The 16 KiB blocks of a chunk, as views. */
export function blocksOf<B extends ArrayBufferLike>(chunk: Uint8Array<B>): Uint8Array<B>[] {
  return Array.from({ length: blockCountOf(chunk.length) }, (_, i) =>
    chunk.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE),
  )
}

/**
 * Number of leaves under a chunk's hash (BEP 52): a whole chunk's worth where the file has several chunks,
 * else as few as hold the file, for the chunk hash is then the file's own `pieces root`.
 */
export function leafWidth(fileSize: number, chunkSize: number): number {
  const blocks = blockCountOf(Math.min(fileSize, chunkSize))
  return fileSize > chunkSize ? chunkSize / BLOCK_SIZE : 2 ** Math.ceil(Math.log2(blocks))
}

/**
 * Root of the tree over `leaves`, filled up with `filler` to `width` leaves.
 * @param width a power of two, at least `leaves.length`
 * @param filler 32 zero bytes for leaves (BEP 52); the hash of an empty chunk's tree when `leaves` are chunk hashes
 */
export function merkleRoot(
  leaves: readonly Uint8Array[],
  width: number,
  sha256: Sha256Sync,
  filler: Uint8Array = new Uint8Array(HASH_LENGTH),
): Uint8Array {
  let layer = leaves
  let pad = filler
  for (let size = width; size > 1; size /= 2) {
    layer = parentLayer(layer, pad, sha256)
    pad = parentHash(pad, pad, sha256)
  }
  return layer[0] ?? pad
}

/** The layer above `layer`, whose last node has `filler` for a neighbour where it has no other. */
export function parentLayer(layer: readonly Uint8Array[], filler: Uint8Array, sha256: Sha256Sync): Uint8Array[] {
  const parents: Uint8Array[] = []
  for (let i = 0; i < layer.length; i += 2) parents.push(parentHash(layer[i] ?? filler, layer[i + 1] ?? filler, sha256))
  return parents
}

export function parentHash(left: Uint8Array, right: Uint8Array, sha256: Sha256Sync): Uint8Array {
  const pair = new Uint8Array(2 * HASH_LENGTH)
  pair.set(left)
  pair.set(right, HASH_LENGTH)
  return sha256(pair)
}

/** The same root, filled up with zeros, by a hash that answers later: all nodes of a layer are hashed at the same time. */
export async function merkleRootLater(
  leaves: readonly Uint8Array[],
  width: number,
  sha256: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
  first = 0,
): Promise<Uint8Array> {
  if (width === 1) return leaves[first] ?? new Uint8Array(HASH_LENGTH)
  const half = width / 2
  const root = (from: number) => merkleRootLater(leaves, half, sha256, from)
  const [left, right] = await Promise.all([root(first), root(first + half)])
  const pair = new Uint8Array(2 * HASH_LENGTH)
  pair.set(left)
  pair.set(right, HASH_LENGTH)
  return await sha256(pair)
}

/** Whether two hashes are the same. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
