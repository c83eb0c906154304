import { chunkCountOf, type Placement } from './geometry.ts'
import { HASH_LENGTH, leafWidth, merkleRoot, parentHash, parentLayer, type Sha256Sync } from './merkle.ts'
import { BLOCK_SIZE } from './units.ts'
import type { HashSpan } from './wire/messages.ts'

// The hash tree of one file (BEP 52): blocks are its leaves, chunk hashes a layer in its middle, `pieces root` its top.

/** Layers between the leaves and the chunk hashes of a file. */
export function leafLayers({ size, chunkSize }: Placement): number {
  return Math.log2(leafWidth(size, chunkSize))
}

/**
 * Layers whose uncle hashes stand after the hashes of an answer, from below. Those of layers that can be computed from
 * the hashes themselves are left out (BEP 52).
 */
export function uncleLayers({ baseLayer, length, proofLayers }: Omit<HashSpan, 'piecesRoot'>): number[] {
  const lowest = baseLayer + Math.log2(length)
  return Array.from({ length: Math.max(0, baseLayer + proofLayers - lowest + 1) }, (_, i) => lowest + i)
}

/**
 * The node that hashes and their uncles lead up to.
 * @param index of the first hash among those of its layer
 * @param hashes a power of two of them, then the uncles from below
 */
export function provenNode(
  index: number,
  length: number,
  hashes: readonly Uint8Array[],
  sha256: Sha256Sync,
): Uint8Array {
  let node = merkleRoot(hashes.slice(0, length), length, sha256)
  let at = index / length
  for (const uncle of hashes.slice(length)) {
    node = at % 2 === 0 ? parentHash(node, uncle, sha256) : parentHash(uncle, node, sha256)
    at = Math.floor(at / 2)
  }
  return node
}

/** The upper part of a file's tree, from its chunk hashes to its root. */
export class FileTree {
  /** Layer of the chunk hashes, counted from the leaves. */
  readonly baseLayer: number
  /** Real nodes of each layer, from the chunk hashes up; what is beyond them is padding. */
  readonly #layers: (readonly Uint8Array[])[]
  readonly #fillers: Uint8Array[]

  /** @param chunkHashes of this file, 32 bytes each */
  constructor(file: Placement, chunkHashes: Uint8Array, sha256: Sha256Sync) {
    this.baseLayer = leafLayers(file)
    const count = chunkCountOf(file.size, file.chunkSize)
    let layer = Array.from({ length: count }, (_, i) => chunkHashes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH))
    let filler = merkleRoot([], file.chunkSize / BLOCK_SIZE, sha256)
    this.#layers = [layer]
    this.#fillers = [filler]
    while (layer.length > 1) {
      layer = parentLayer(layer, filler, sha256)
      filler = parentHash(filler, filler, sha256)
      this.#layers.push(layer)
      this.#fillers.push(filler)
    }
  }

  /** `pieces root` of the file. */
  get root(): Uint8Array {
    return this.node(this.height, 0)
  }

  /** Layer of the root. */
  get height(): number {
    return this.baseLayer + this.#layers.length - 1
  }

  /** @param layer from `baseLayer` to `height` */
  node(layer: number, index: number): Uint8Array {
    const above = layer - this.baseLayer
    return this.#layers[above]?.[index] ?? this.#fillers[above] ?? new Uint8Array(HASH_LENGTH)
  }
}
