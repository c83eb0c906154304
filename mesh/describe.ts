import { autoChunkSize } from '../protocol/geometry.ts'
import { toHex } from '../protocol/hex.ts'
import { blocksOf, leafWidth, merkleRoot } from '../protocol/merkle.ts'
import { buildMetainfo } from '../protocol/metainfo.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { SwarmDescription } from './description.ts'
import { joined } from './dht/id.ts'
import type { MeshPlatform } from './platform.ts'

/** The chunks of a file, as views. */
export function chunksOf<B extends ArrayBufferLike>(bytes: Uint8Array<B>, chunkSize: number): Uint8Array<B>[] {
  const count = Math.ceil(bytes.length / chunkSize)
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * chunkSize, (i + 1) * chunkSize))
}

/** Describes a swarm of one file: the same file under the same name gives the same swarm everywhere. */
export async function describeFile(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  { sha1, sha256, digest }: Pick<MeshPlatform, 'sha1' | 'sha256' | 'digest'>,
): Promise<SwarmDescription> {
  const size = bytes.length
  const chunkSize = autoChunkSize(size)
  const chunks = chunksOf(bytes, chunkSize)
  const hashes = joined(
    await Promise.all(
      chunks.map(async (chunk) => {
        const leaves = await Promise.all(blocksOf(chunk).map((block) => digest(block)))
        return merkleRoot(leaves, leafWidth(size, chunkSize), sha256)
      }),
    ),
  )
  const sha1Pieces = joined(await Promise.all(chunks.map((chunk) => sha1(chunk))))
  const file = { path: [name], size, chunkHashes: hashes, sha1Pieces }
  const { info } = buildMetainfo({ name, chunkSize, files: [file] }, { announce: [], webSeeds: [] }, sha256)
  const infoHash = toHex(await sha1(info)) as InfoHash
  return { infoHash, chunkSize, files: [{ path: name, size }], hashes, info }
}
