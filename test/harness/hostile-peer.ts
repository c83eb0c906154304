import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileOfChunk } from '../../mesh/file-of-chunk.ts'
import { MeshNode, type MeshStatus } from '../../mesh/mesh-node.ts'
import { bytesOfChunk } from '../../protocol/geometry.ts'
import type { SwarmManifest } from '../../protocol/manifest.ts'
import type { ChunkIndex } from '../../protocol/units.ts'
import { nodeClock } from '../../seeder/node-clock.ts'
import { openNodeSocket } from '../../seeder/node-socket.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import type { Owner } from './scratch.ts'
import type { Site } from './site.ts'

/** Speaks the protocol without a fault, says that it has everything, and sends blocks with one byte changed. */
export class HostilePeer {
  readonly #node: MeshNode
  readonly #join: (node: MeshNode, onStatus: (status: MeshStatus) => void) => void
  /** Chunks that somebody asked it for. */
  readonly asked = new Set<ChunkIndex>()
  /** Peers that it has had at the same time, at most. */
  mostPeers = 0
  peers = 0

  constructor(join: (node: MeshNode, onStatus: (status: MeshStatus) => void) => void) {
    this.#join = join
    this.#node = new MeshNode({
      clock: nodeClock,
      randomBytes: (length) => randomBytes(length),
      openSocket: openNodeSocket,
      sharing: true,
      uploadLimit: Number.POSITIVE_INFINITY,
    })
  }

  start(): void {
    this.#join(this.#node, ({ peers }) => {
      this.peers = peers
      this.mostPeers = Math.max(this.mostPeers, peers)
    })
  }

  close(): void {
    this.#node.close()
  }
}

/** @param lies which chunks it sends wrong; the others it sends as they are */
export async function openHostilePeer(
  owner: Owner,
  { site, swarm, lies }: { site: Site; swarm: SwarmManifest; lies: (chunk: ChunkIndex) => boolean },
): Promise<HostilePeer> {
  const transport = await loadNodeTransport()
  const peer: HostilePeer = new HostilePeer((node, onStatus) => {
    node.join({
      infoHash: swarm.infoHash,
      chunkCount: swarm.chunkCount,
      files: swarm.files,
      announce: [`${site.url.replace('http', 'ws')}announce`],
      transport: transport([]),
      held: [{ first: 0 as ChunkIndex, after: swarm.chunkCount as ChunkIndex }],
      read: async (chunk) => {
        peer.asked.add(chunk)
        const bytes = await readChunk(site, swarm, chunk)
        if (lies(chunk) && bytes[0] !== undefined) bytes[0] ^= 0xff
        return bytes
      },
      verify: async () => true,
      onStatus,
    })
  })
  owner.after(() => peer.close())
  peer.start()
  return peer
}

async function readChunk(site: Site, swarm: SwarmManifest, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer>> {
  const file = fileOfChunk(swarm.files, chunk)
  if (!file) throw new RangeError(`chunk ${chunk} is in no file`)
  const { start, end } = bytesOfChunk(file, chunk)
  const bytes = new Uint8Array(end - start)
  const handle = await open(join(site.dir, file.path))
  try {
    await handle.read(bytes, 0, bytes.length, start)
  } finally {
    await handle.close()
  }
  return bytes
}
