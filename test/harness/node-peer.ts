import { randomBytes } from 'node:crypto'
import { fileOfChunk } from '../../mesh/file-of-chunk.ts'
import { MeshNode } from '../../mesh/mesh-node.ts'
import type { SwarmDriver } from '../../mesh/swarm-driver.ts'
import type { SwarmManifest } from '../../protocol/manifest.ts'
import { HASH_LENGTH, sameHash } from '../../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { chunkRoot } from '../../seeder/chunk-root.ts'
import { nodeClock } from '../../seeder/node-clock.ts'
import { openNodeSocket } from '../../seeder/node-socket.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { eventually } from './poll.ts'
import type { Owner } from './scratch.ts'

/** A visitor without a browser: the mesh over WebRTC for Node. */
export class NodePeer {
  readonly #node: MeshNode
  readonly #announce: readonly string[]
  readonly #transport: Awaited<ReturnType<typeof loadNodeTransport>>

  constructor(announce: readonly string[], transport: Awaited<ReturnType<typeof loadNodeTransport>>) {
    this.#announce = announce
    this.#transport = transport
    this.#node = new MeshNode({
      clock: nodeClock,
      randomBytes: (length) => randomBytes(length),
      openSocket: openNodeSocket,
      sharing: true,
      uploadLimit: Number.POSITIVE_INFINITY,
    })
  }

  /** @param hashes the swarm's hash file */
  join(swarm: SwarmManifest, hashes: Uint8Array): SwarmDriver {
    this.#node.join({
      infoHash: swarm.infoHash,
      chunkCount: swarm.chunkCount,
      files: swarm.files,
      announce: this.#announce,
      transport: this.#transport([]),
      held: [],
      read: async () => undefined,
      verify: async (chunk, bytes) => {
        const file = fileOfChunk(swarm.files, chunk)
        if (file === undefined) return false
        const root = chunkRoot(bytes, file.size, file.chunkSize)
        return sameHash(root, hashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH))
      },
      onStatus: () => undefined,
    })
    const driver = this.#node.swarm(swarm.infoHash)
    if (driver === undefined) throw new Error('the swarm is not joined')
    return driver
  }

  peersIn(infoHash: InfoHash): number {
    return this.#node.status(infoHash)?.peers ?? 0
  }

  close(): void {
    this.#node.close()
  }
}

/** @param announce tracker URLs */
export async function openNodePeer(owner: Owner, announce: readonly string[]): Promise<NodePeer> {
  const peer = new NodePeer(announce, await loadNodeTransport())
  owner.after(() => peer.close())
  return peer
}

/** Chunks that somebody offers a peer, in ascending order. */
export function offeredTo(driver: SwarmDriver, chunkCount: number): number[] {
  const { available } = driver.swarm
  return Array.from({ length: chunkCount }, (_, i) => i).filter(
    (i) => ((available[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0,
  )
}

/** Waits until somebody offers all of these chunks. */
export async function untilOffered(driver: SwarmDriver, chunkCount: number, atLeast: number): Promise<void> {
  await eventually(
    () => offeredTo(driver, chunkCount).length,
    (count) => count >= atLeast,
    30_000,
  )
}

/** All chunks of a swarm from its peers, several at once. A chunk that nobody delivers in time is undefined. */
export function fetchAll(driver: SwarmDriver, chunkCount: number, deadlineMs = 20_000) {
  return Promise.all(Array.from({ length: chunkCount }, (_, chunk) => driver.fetch(chunk as ChunkIndex, deadlineMs)))
}
