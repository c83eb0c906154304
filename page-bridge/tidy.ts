import type { ChunkSpan, Placement } from '../protocol/geometry.ts'
import { chunkCountOf } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import { MAX_RUN_CHUNKS, type MergingStore } from '../store/chunk-store.ts'

/** An answer waits until all of its records are looked up: 1 GiB takes 34 ms in records of 16 MiB. */
const LARGE_RECORD = { least: 48 * MiB, enough: 48 * MiB, most: 64 * MiB }

/** What is not enough for a large record. Small, as records that grow are written again and again. */
const RECORD = { least: 0, enough: 16 * MiB, most: 16 * MiB }

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

/** Spans of several neighbouring runs of one file that are worth being one record. */
export function worthMerging(runs: readonly ChunkSpan[], files: readonly Placement[]): ChunkSpan[] {
  const large = joined(runs, files, LARGE_RECORD)
  const rest = runs.filter((run) => !large.some(({ first, after }) => first <= run.first && run.after <= after))
  return [...large, ...joined(rest, files, RECORD)]
}

/** Neighbouring runs of one file that are smaller than `enough`, and together no less and no more than told. */
function joined(runs: readonly ChunkSpan[], files: readonly Placement[], { least, enough, most }: typeof RECORD) {
  const spans: { first: ChunkIndex; after: ChunkIndex; runs: number; bytes: number }[] = []
  for (const { first, after } of runs) {
    const last = spans.at(-1)
    const file = files.find(({ firstChunk, size, chunkSize }) => {
      return firstChunk <= first && first < firstChunk + chunkCountOf(size, chunkSize)
    })
    const bytes = (after - first) * (file?.chunkSize ?? enough)
    if (bytes >= enough) continue
    const follows = last?.after === first && file?.firstChunk !== first
    if (follows && last.bytes + bytes <= most && after - last.first <= MAX_RUN_CHUNKS) {
      last.after = after
      last.runs++
      last.bytes += bytes
    } else spans.push({ first, after, runs: 1, bytes })
  }
  return spans.filter((span) => span.runs > 1 && span.bytes >= least).map(({ first, after }) => ({ first, after }))
}
