import type { ChunkSpan } from '../../protocol/geometry.ts'
import { bytesOfChunk } from '../../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import type { RunStore, StoredRun } from '../../store/chunk-store.ts'
import { RunIndex } from '../../store/run-index.ts'
import type { Content } from './content.ts'
import type { VirtualTime } from './time.ts'

/** What a database takes for one call, and for what it writes (bytes per millisecond). */
const CALL_MS = 2
const WRITTEN_PER_MS = 100_000

/** A store that remembers which chunks it holds, and takes their bytes from the content itself. */
export class HeldStore implements RunStore {
  readonly #time: VirtualTime
  readonly #content: Content
  readonly #index = new RunIndex()

  constructor(time: VirtualTime, content: Content) {
    this.#time = time
    this.#content = content
  }

  holds(chunk: ChunkIndex): boolean {
    return this.#index.holds(chunk)
  }

  get held(): readonly ChunkSpan[] {
    return this.#index.runs.slice()
  }

  async runs(): Promise<readonly ChunkSpan[]> {
    await this.#pause(CALL_MS)
    return this.held
  }

  async read(_swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    await this.#pause(CALL_MS)
    return this.holds(chunk) ? this.#content.chunk(chunk) : undefined
  }

  async readRuns(_swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    await this.#pause(CALL_MS)
    const { file, bytes } = this.#content
    return this.#index.runs
      .filter((run) => run.first < chunks.after && run.after > chunks.first)
      .map((run) => {
        const { start } = bytesOfChunk(file, run.first)
        const { end } = bytesOfChunk(file, (run.after - 1) as ChunkIndex)
        return { chunks: run, chunkSize: file.chunkSize, data: bytes.subarray(start, end) }
      })
  }

  async write(_swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    await this.#pause(CALL_MS + chunks.reduce((sum, { length }) => sum + length, 0) / WRITTEN_PER_MS)
    this.hold({ first, after: (first + chunks.length) as ChunkIndex })
  }

  /** As if an earlier visit had brought these. */
  hold(chunks: ChunkSpan): void {
    for (const run of this.#index.missingIn(chunks)) this.#index.add(run)
  }

  async swarms(): Promise<readonly InfoHash[]> {
    return this.#index.runs.length > 0 ? [this.#content.swarm.infoHash] : []
  }

  async touch(): Promise<void> {}

  async drop(): Promise<void> {}

  close(): void {}

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, () => resolve()))
  }
}
