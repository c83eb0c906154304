import { createHash } from 'node:crypto'
import type { BlockProofs } from '../../mesh/mesh-node.ts'
import { bytesOfChunk, chunkCountOf } from '../../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import { blocksOf, HASH_LENGTH, leafWidth, merkleRoot } from '../../protocol/merkle.ts'
import { BLOCK_SIZE, type ChunkIndex, type InfoHash } from '../../protocol/units.ts'
import type { ChunkVerifier } from '../../supply/verify.ts'
import { seededRandom } from './random.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Of a block, only so much is hashed: whoever lies changes the first byte, and readers compare every byte. */
const HASHED_BYTES = 64

/** The one file of a simulation: all that hold a part of it share these bytes. */
export class Content {
  readonly bytes: Bytes
  readonly swarm: SwarmManifest
  readonly file: ManifestFile
  readonly proofs: BlockProofs

  constructor(size: number, chunkSize: number) {
    this.bytes = madeUp(size)
    const infoHash = createHash('sha1').update(`${size}/${chunkSize}`).digest('hex') as InfoHash
    const chunkCount = chunkCountOf(size, chunkSize)
    this.file = { path: 'file.bin', type: 'application/octet-stream', size, firstChunk: 0 as ChunkIndex, chunkSize }
    this.swarm = { infoHash, chunkSize, chunkCount, hashes: 'hashes', hashesDigest: '', files: [this.file] }
    const chunkHashes = new Uint8Array(chunkCount * HASH_LENGTH)
    for (let chunk = 0; chunk < chunkCount; chunk++)
      chunkHashes.set(this.#rootOf(this.chunk(chunk as ChunkIndex)), chunk * HASH_LENGTH)
    this.proofs = { chunkHashes, sha256, digest: async (block) => sha256(block) }
  }

  /** The bytes of one chunk, as a view. */
  chunk(chunk: ChunkIndex): Bytes {
    const { start, end } = bytesOfChunk(this.file, chunk)
    return this.bytes.subarray(start, end)
  }

  /** Whether `bytes` are those of the file from `start` on. */
  isRight(start: number, bytes: Uint8Array): boolean {
    return Buffer.compare(bytes, this.bytes.subarray(start, start + bytes.length)) === 0
  }

  /** For what comes in by the worker. */
  readonly verifier: ChunkVerifier = async (file, chunk, bytes) => this.isRight(bytesOfChunk(file, chunk).start, bytes)

  /** For what comes in by the page. */
  readonly verify = async (chunk: ChunkIndex, bytes: Bytes): Promise<boolean> => this.verifier(this.file, chunk, bytes)

  #rootOf(chunk: Bytes): Uint8Array {
    const { size, chunkSize } = this.file
    return merkleRoot(blocksOf(chunk).map(sha256), leafWidth(size, chunkSize), sha256)
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes.subarray(0, HASHED_BYTES)).digest()
}

/** Bytes that differ from block to block. */
function madeUp(size: number): Bytes {
  const random = seededRandom(size)
  const block = Uint8Array.from({ length: BLOCK_SIZE }, () => Math.floor(random() * 256))
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < size; at += BLOCK_SIZE) {
    bytes.set(block.subarray(0, size - at), at)
    if (size - at >= 4) view.setUint32(at, at)
  }
  return bytes
}
