import type { ChunkSpan, Placement } from '../protocol/geometry.ts'
import { chunkCountOf } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import { MAX_RUN_CHUNKS, type MergingStore } from '../store/chunk-store.ts'

/** Records are made this large: an answer of 1 GiB then has its first byte as soon as one of 256 MiB. */
const RECORD_BYTES = 16 * MiB

/** Nothing is tidied until a swarm has been left alone for this long. */
const QUIET_MS = 2_000

/** Makes few large records of many small ones, when nobody is writing. */
export class Tidier {
  readonly #store: () => Promise<MergingStore | undefined>
  readonly #timers = new Map<InfoHash, ReturnType<typeof setTimeout>>()
  #work = Promise.resolve()

  constructor(store: () => Promise<MergingStore | undefined>) {
    this.#store = store
  }

  /** Chunks of the swarm were stored. */
  touched(infoHash: InfoHash, files: readonly Placement[]): void {
    clearTimeout(this.#timers.get(infoHash))
    const tidy = () => {
      this.#timers.delete(infoHash)
      this.#work = this.#work.then(() => this.#tidy(infoHash, files))
    }
    this.#timers.set(infoHash, setTimeout(tidy, QUIET_MS))
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** A store that fails or is full stays as it is: tidying makes it faster, never right. */
  async #tidy(infoHash: InfoHash, files: readonly Placement[]): Promise<void> {
    try {
      const store = await this.#store()
      for (const span of worthMerging((await store?.runs(infoHash)) ?? [], files)) {
        if (this.#timers.has(infoHash)) return
        await store?.merge(infoHash, span)
      }
    } catch {
      return
    }
  }
}

/** Spans of several neighbouring runs of one file that together make no more than one large record. */
export function worthMerging(runs: readonly ChunkSpan[], files: readonly Placement[]): ChunkSpan[] {
  const spans: { first: ChunkIndex; after: ChunkIndex; runs: number }[] = []
  for (const run of runs) {
    const last = spans.at(-1)
    const file = files.find(({ firstChunk, size, chunkSize }) => {
      return firstChunk <= run.first && run.first < firstChunk + chunkCountOf(size, chunkSize)
    })
    const most = Math.min(MAX_RUN_CHUNKS, RECORD_BYTES / (file?.chunkSize ?? RECORD_BYTES))
    const joins = last?.after === run.first && file?.firstChunk !== run.first && run.after - last.first <= most
    if (last && joins) {
      last.after = run.after
      last.runs++
    } else spans.push({ ...run, runs: 1 })
  }
  return spans.filter((span) => span.runs > 1).map(({ first, after }) => ({ first, after }))
}
