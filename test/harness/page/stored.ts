import { type ChunkSpan, chunksOfFile } from '../../../protocol/geometry.ts'
import { MANIFEST_NAME, parseManifest } from '../../../protocol/manifest.ts'
import { openIndexedDb } from '../../../store/indexeddb.ts'

/** How many chunks a file has, and how many of them rest in this browser's IndexedDB. */
export async function storedChunks(path: string): Promise<{ stored: number; all: number }> {
  const response = await fetch(`/${MANIFEST_NAME}`)
  const manifest = parseManifest(await response.json())
  const swarm = manifest.swarms.find(({ files }) => files.some((file) => file.path === path))
  const file = swarm?.files.find((candidate) => candidate.path === path)
  if (!swarm || !file) throw new Error(`${path} is not in the manifest`)
  const { chunks } = await openIndexedDb()
  const wanted = chunksOfFile(file)
  const runs = await chunks.runs(swarm.infoHash)
  return { stored: runs.reduce((sum, run) => sum + overlap(run, wanted), 0), all: wanted.after - wanted.first }
}

function overlap(a: ChunkSpan, b: ChunkSpan): number {
  return Math.max(0, Math.min(a.after, b.after) - Math.max(a.first, b.first))
}
