import { chunkCountOf, type Placement } from '../protocol/geometry.ts'
import { FileTree, provenNode, uncleLayers } from '../protocol/hash-tree.ts'
import { toHex } from '../protocol/hex.ts'
import { HASH_LENGTH, leafWidth, merkleRoot, type Sha256Sync, sameHash } from '../protocol/merkle.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { type HashSpan, MAX_HASHES } from '../protocol/wire/messages.ts'
import { fileOfChunk } from './file-of-chunk.ts'

/** What it takes to check single blocks. */
export interface TreeHashes {
  /** The swarm's chunk hashes, 32 bytes each. */
  readonly chunkHashes: Uint8Array
  /** For the nodes of the trees, which are small. */
  readonly sha256: Sha256Sync
}

/** The chunk whose leaves are needed to answer a request for hashes. */
export type Needed = ChunkIndex | 'none' | 'unanswerable'

interface FileOfSwarm {
  readonly file: Placement
  readonly tree: FileTree
}

/** The hash trees of a swarm's files, each built when it is first needed. */
export class SwarmTrees {
  readonly #files: readonly Placement[]
  readonly #hashes: TreeHashes
  readonly #trees = new Map<Placement, FileTree>()
  #byRoot: Map<string, Placement> | undefined

  /** @param files in order of their chunks, without gaps */
  constructor(files: readonly Placement[], hashes: TreeHashes) {
    this.#files = files
    this.#hashes = hashes
  }

  /** Leaves under a chunk's hash, padding included. */
  leafWidth(chunk: ChunkIndex): number {
    const file = fileOfChunk(this.#files, chunk)
    return file === undefined ? 1 : leafWidth(file.size, file.chunkSize)
  }

  /** What to ask for in order to have all leaves of a chunk, each part with the proof up to the chunk's hash. */
  leafSpans(chunk: ChunkIndex): HashSpan[] {
    const file = fileOfChunk(this.#files, chunk)
    if (file === undefined) return []
    const width = leafWidth(file.size, file.chunkSize)
    const length = Math.min(width, MAX_HASHES)
    const { root: piecesRoot } = this.#treeOf(file)
    return Array.from({ length: width / length }, (_, part) => ({
      piecesRoot,
      baseLayer: 0,
      index: (chunk - file.firstChunk) * width + part * length,
      length,
      proofLayers: Math.log2(width) - 1,
    }))
  }

  /** Whether `hashes` answer one of `leafSpans(chunk)` and lead up to the chunk's hash. */
  proves(chunk: ChunkIndex, span: HashSpan, hashes: readonly Uint8Array[]): boolean {
    if (hashes.length !== span.length + uncleLayers(span).length) return false
    return sameHash(provenNode(span.index, span.length, hashes, this.#hashes.sha256), this.#chunkHash(chunk))
  }

  /** Whether these are all leaves of a chunk, without the padding. */
  areLeaves(chunk: ChunkIndex, leaves: readonly Uint8Array[]): boolean {
    return sameHash(merkleRoot(leaves, this.leafWidth(chunk), this.#hashes.sha256), this.#chunkHash(chunk))
  }

  chunkIn(span: HashSpan): Needed {
    const found = this.#find(span.piecesRoot)
    if (found === undefined || !isAligned(span, found.tree.height)) return 'unanswerable'
    const { file, tree } = found
    if (span.baseLayer === tree.baseLayer) return 'none'
    const width = 2 ** tree.baseLayer
    const chunk = Math.floor(span.index / width)
    const isWithinOne = span.baseLayer === 0 && span.length <= width
    if (!isWithinOne || chunk >= chunkCountOf(file.size, file.chunkSize)) return 'unanswerable'
    return (file.firstChunk + chunk) as ChunkIndex
  }

  /**
   * The hashes and uncles that a span asks for.
   * @param leaves those of the chunk that `chunkIn` names
   */
  answer(span: HashSpan, leaves: readonly Uint8Array[]): Uint8Array[] {
    const found = this.#find(span.piecesRoot)
    if (found === undefined) return []
    const { tree } = found
    const firstLeaf = span.index - (span.index % 2 ** tree.baseLayer)
    const node = (layer: number, index: number) =>
      layer >= tree.baseLayer ? tree.node(layer, index) : this.#nodeOver(leaves, layer, index - firstLeaf / 2 ** layer)
    const own = Array.from({ length: span.length }, (_, i) => node(span.baseLayer, span.index + i))
    const uncles = uncleLayers(span).map((layer) => {
      const below = Math.floor(span.index / 2 ** (layer - span.baseLayer))
      return node(layer, below % 2 === 0 ? below + 1 : below - 1)
    })
    return [...own, ...uncles]
  }

  /** A node over the leaves of one chunk. */
  #nodeOver(leaves: readonly Uint8Array[], layer: number, index: number): Uint8Array {
    const width = 2 ** layer
    return merkleRoot(leaves.slice(index * width, (index + 1) * width), width, this.#hashes.sha256)
  }

  #chunkHash(chunk: ChunkIndex): Uint8Array {
    return this.#hashes.chunkHashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH)
  }

  #treeOf(file: Placement): FileTree {
    const known = this.#trees.get(file)
    if (known) return known
    const { chunkHashes, sha256 } = this.#hashes
    const from = file.firstChunk * HASH_LENGTH
    const own = chunkHashes.subarray(from, from + chunkCountOf(file.size, file.chunkSize) * HASH_LENGTH)
    const tree = new FileTree(file, own, sha256)
    this.#trees.set(file, tree)
    return tree
  }

  #find(piecesRoot: Uint8Array): FileOfSwarm | undefined {
    this.#byRoot ??= new Map(this.#files.map((file) => [toHex(this.#treeOf(file).root), file]))
    const file = this.#byRoot.get(toHex(piecesRoot))
    return file && { file, tree: this.#treeOf(file) }
  }
}

/** Whether a span has the form that BEP 52 asks for, and lies within a tree. */
function isAligned({ baseLayer, index, length, proofLayers }: HashSpan, height: number): boolean {
  const isPowerOfTwo = length >= 2 && Number.isInteger(Math.log2(length))
  return (
    isPowerOfTwo &&
    index % length === 0 &&
    baseLayer + proofLayers < height &&
    index + length <= 2 ** (height - baseLayer)
  )
}
