import { fileOfChunk } from '../mesh/file-of-chunk.ts'
import type { BlockProofs } from '../mesh/mesh-node.ts'
import type { SwarmTicket } from '../protocol/bridge.ts'
import { blocksOf, HASH_LENGTH, leafWidth, merkleRoot, sameHash } from '../protocol/merkle.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { digest, sha256Sync } from './hashes.ts'

/** What it takes to prove single blocks of a swarm; undefined where WebAssembly is not allowed. */
export async function blockProofs(ticket: SwarmTicket): Promise<BlockProofs | undefined> {
  const sha256 = await sha256Sync().catch(() => undefined)
  return sha256 && { chunkHashes: new Uint8Array(ticket.hashes), sha256, digest }
}

/** Checks chunks of one swarm: the browser hashes the blocks, and WebAssembly the small tree. */
export function chunkVerifier(
  ticket: SwarmTicket,
): (chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>) => Promise<boolean> {
  const hashes = new Uint8Array(ticket.hashes)
  return async (chunk, bytes) => {
    const file = fileOfChunk(ticket.files, chunk)
    if (file === undefined) return false
    const [sha256, ...leaves] = await Promise.all([sha256Sync(), ...blocksOf(bytes).map(digest)])
    const root = merkleRoot(leaves, leafWidth(file.size, file.chunkSize), sha256)
    return sameHash(root, hashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH))
  }
}
