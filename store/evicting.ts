import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkStore } from './chunk-store.ts'

/** Reads of one swarm within this time count as one use: each use is a write. */
const SAME_USE_MS = 60_000

/**
 * The same store, but one that makes room: a write that finds none drops the swarms that nobody has asked for longest.
 * A run that does not even fit into the empty store still throws QuotaExceeded.
 */
export function evictingStore(store: ChunkStore, now: () => number = Date.now): ChunkStore {
  const asked = new Map<string, number>()
  return {
    runs: (swarm) => store.runs(swarm),
    swarms: () => store.swarms(),
    touch: (swarm) => store.touch(swarm),
    drop: (swarm) => store.drop(swarm),
    close: () => store.close(),
    async read(swarm, chunk) {
      const bytes = await store.read(swarm, chunk)
      if (bytes && now() - (asked.get(swarm) ?? Number.NEGATIVE_INFINITY) >= SAME_USE_MS) {
        asked.set(swarm, now())
        await store.touch(swarm)
      }
      return bytes
    },
    async write(swarm, first, chunks) {
      for (;;) {
        try {
          return await store.write(swarm, first, chunks)
        } catch (error) {
          if (!(error instanceof QuotaExceeded)) throw error
          const oldest = (await store.swarms()).find((other) => other !== swarm)
          if (oldest === undefined) throw error
          asked.delete(oldest)
          await store.drop(oldest)
        }
      }
    },
  }
}
