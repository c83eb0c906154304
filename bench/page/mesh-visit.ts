import type { MeshModule } from '../../page-bridge/lazy-mesh.ts'
import type { SwarmTicket } from '../../protocol/bridge.ts'
import type { SwarmStatus } from '../../protocol/delivery.ts'
import { MANIFEST_NAME, parseManifest } from '../../protocol/manifest.ts'
import type { ChunkIndex } from '../../protocol/units.ts'
import type { LinkTransfer } from '../lib/commands.ts'

/** As much as our worker asks of peers at the same time. */
const FLIGHT_BYTES = 4 * 2 ** 20
const CHUNK_MS = 30_000

/** Joins the swarm of a file by its mesh alone, and waits until a peer offers all of it. */
export async function joinMesh(path: string): Promise<{ fetchAll(): Promise<LinkTransfer>; leave(): void }> {
  const ticket = await ticketOf(path)
  let tell: ((status: SwarmStatus) => void) | undefined
  const { createMesh }: MeshModule = await import(new URL('/tributary-mesh.js', location.href).href)
  const mesh = createMesh({
    sharing: true,
    uploadLimit: Number.POSITIVE_INFINITY,
    onStatus: (_, status) => tell?.(status),
  })
  await new Promise<void>((resolve) => {
    tell = (status) => {
      if (offered(status) >= ticket.chunkCount) resolve()
    }
    void mesh.join(ticket)
  })
  const { infoHash, chunkCount, chunkSize } = ticket

  async function fetchAll(): Promise<LinkTransfer> {
    const begun = performance.now()
    let bytes = 0
    let next = 0
    const lane = async () => {
      while (next < chunkCount) {
        const chunk = next++ as ChunkIndex
        const got = await mesh.fetchChunk({ infoHash, chunk, deadlineMs: CHUNK_MS })
        if (!got) throw new Error(`chunk ${chunk} did not come`)
        bytes += got.byteLength
      }
    }
    await Promise.all(Array.from({ length: Math.ceil(FLIGHT_BYTES / chunkSize) }, lane))
    return { bytes, ms: performance.now() - begun }
  }
  return { fetchAll, leave: () => mesh.close() }
}

async function ticketOf(path: string): Promise<SwarmTicket> {
  const manifest = parseManifest(await (await fetch(`/${MANIFEST_NAME}`)).json())
  const swarm = manifest.swarms.find(({ files }) => files.some((file) => file.path === path))
  if (!swarm) throw new Error(`${path} is not in the manifest`)
  const { infoHash, chunkSize, chunkCount, files } = swarm
  const announce = manifest.mesh.announce.map((url) => new URL(url, location.href).href.replace(/^http/, 'ws'))
  return {
    infoHash,
    chunkSize,
    chunkCount,
    hashes: await (await fetch(`/${swarm.hashes}`)).arrayBuffer(),
    files: files.map(({ size, firstChunk }) => ({ size, firstChunk, chunkSize })),
    mesh: { ...manifest.mesh, announce },
  }
}

/** Chunks that peers would send. */
function offered({ available }: SwarmStatus): number {
  let count = 0
  for (const byte of available) for (let bits: number = byte; bits > 0; bits &= bits - 1) count++
  return count
}
