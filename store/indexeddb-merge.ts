import type { IDBPDatabase } from 'idb'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { InfoHash } from '../protocol/units.ts'
import { fillExactly, type MergingStore } from './chunk-store.ts'
import { Connection, IndexedDbStore, type RunRecord, type Schema, spanOfKey, withQuota } from './indexeddb.ts'

/**
 * The origin's chunks, for whoever also tidies them up. Apart from the rest, as the worker's script does not need it.
 * @throws DOMException when the browser refuses IndexedDB
 */
export async function openMergingIndexedDb(): Promise<MergingStore> {
  const connection = new Connection()
  await connection.get()
  return new MergingIndexedDbStore(connection)
}

class MergingIndexedDbStore extends IndexedDbStore implements MergingStore {
  async merge(swarm: InfoHash, chunks: ChunkSpan): Promise<void> {
    const runs = await this.readRuns(swarm, chunks)
    const spans = runs.map((run) => run.chunks)
    if (runs.length < 2 || !fillExactly(spans, chunks)) return
    const merged = { chunkSize: runs[0]?.chunkSize ?? 0, data: new Blob(runs.map((run) => run.data)) }
    await withQuota(() => this.connection.use((db) => replaceRuns(db, swarm, spans, chunks, merged)))
  }
}

/** One transaction: looks whether the records are still the same ones, and puts one in their place. */
async function replaceRuns(
  db: IDBPDatabase<Schema>,
  swarm: InfoHash,
  spans: readonly ChunkSpan[],
  chunks: ChunkSpan,
  merged: RunRecord,
): Promise<void> {
  const tx = db.transaction('runs', 'readwrite', { durability: 'relaxed' })
  const range = IDBKeyRange.bound([swarm, chunks.first], [swarm, chunks.after], false, true)
  const work = async () => {
    const keys = await tx.store.getAllKeys(range)
    if (keys.length !== spans.length || !fillExactly(keys.map(spanOfKey), chunks)) return
    await Promise.all([tx.store.delete(range), tx.store.put(merged, [swarm, chunks.first, chunks.after])])
  }
  await Promise.all([work(), tx.done])
}
