import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { blocksOf, leafWidth, merkleRoot } from '../protocol/merkle.ts'
import { type ChunkIndex, type InfoHash, KiB } from '../protocol/units.ts'
import { blockProofs, chunkVerifier } from './chunk-verifier.ts'

const CHUNK = 64 * KiB
/** Two files: one of two chunks, the second short, and one smaller than a chunk. */
const files = [
  { size: CHUNK + 20_000, firstChunk: 0 as ChunkIndex, chunkSize: CHUNK },
  { size: 5_000, firstChunk: 2 as ChunkIndex, chunkSize: CHUNK },
]
const contents = [CHUNK, 20_000, 5_000].map((length, chunk) => new Uint8Array(length).fill(chunk + 1))
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const roots = contents.map((bytes, chunk) =>
  merkleRoot(blocksOf(bytes).map(sha256), leafWidth(files[chunk === 2 ? 1 : 0]?.size ?? 0, CHUNK), sha256),
)
const ticket = {
  infoHash: '00'.repeat(20) as InfoHash,
  chunkSize: CHUNK,
  chunkCount: 3,
  hashes: Uint8Array.from(roots.flatMap((root) => [...root])).buffer,
  files,
  mesh: { announce: [], iceServers: [] },
}
const verify = chunkVerifier(ticket)

for (const [chunk, bytes] of contents.entries())
  test(`chunk ${chunk} of ${bytes.length} bytes is accepted, and refused when a byte is wrong`, async () => {
    assert.equal(await verify(chunk as ChunkIndex, bytes), true)
    const wrong = bytes.slice()
    wrong[wrong.length - 1] = 0
    assert.equal(await verify(chunk as ChunkIndex, wrong), false)
  })

test('a chunk is not taken for another', async () => {
  assert.equal(await verify(1 as ChunkIndex, contents[2] ?? new Uint8Array()), false)
})

test('blocks and tree nodes are hashed alike, at once or later', async () => {
  const proofs = await blockProofs(ticket)
  assert.ok(proofs)
  const [bytes = new Uint8Array()] = contents
  assert.deepEqual(Buffer.from(await proofs.digest(bytes)), sha256(bytes))
  assert.deepEqual(Buffer.from(proofs.sha256(bytes)), sha256(bytes))
  assert.equal(proofs.chunkHashes.length, 3 * 32)
})
