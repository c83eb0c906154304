import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { fillExactly, type MergingStore } from './chunk-store.ts'
import { Connection, IndexedDbStore, runsFrom, spanOfKey } from './indexeddb.ts'

/**
 * The origin's chunks, for whoever shares and tidies them up. Apart from the rest, as the worker's script does not need it.
 * @throws DOMException when the browser refuses IndexedDB
 */
export async function openMergingIndexedDb(): Promise<MergingStore> {
  const connection = new Connection()
  await connection.get()
  return new MergingIndexedDbStore(connection)
}

class MergingIndexedDbStore extends IndexedDbStore implements MergingStore {
  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [run] = await this.readRuns(swarm, { first: chunk, after: (chunk + 1) as ChunkIndex })
    if (!run) return undefined
    const start = (chunk - run.chunks.first) * run.chunkSize
    if (run.data instanceof Uint8Array) return run.data.slice(start, start + run.chunkSize)
    return new Uint8Array(await run.data.slice(start, start + run.chunkSize).arrayBuffer())
  }

  async merge(swarm: InfoHash, chunks: ChunkSpan): Promise<void> {
    const runs = await this.readRuns(swarm, chunks)
    const spans = runs.map((run) => run.chunks)
    if (runs.length < 2 || !fillExactly(spans, chunks)) return
    const merged = { chunkSize: runs[0]?.chunkSize ?? 0, data: new Blob(runs.map((run) => run.data)) }
    const range = runsFrom(swarm, chunks.first, chunks.after)
    await this.connection.change(['runs'], async ({ store }) => {
      const keys = await store.getAllKeys(range)
      // Somebody else may have written or merged meanwhile.
      if (keys.length !== spans.length || !fillExactly(keys.map(spanOfKey), chunks)) return
      await Promise.all([store.delete(range), store.put(merged, [swarm, chunks.first, chunks.after])])
    })
  }

  close(): void {
    this.connection.close()
  }
}
