import type { Content } from './content.ts'
import type { Source } from './source.ts'
import type { VirtualTime } from './time.ts'

/** What one visitor had of its file. Milliseconds count from its start. */
export interface Readout {
  firstByteMs: number | undefined
  /** Undefined while it has not read to the end. */
  doneMs: number | undefined
  /** The longest time without a byte. */
  longestGapMs: number
  /** Of a media element: until it plays. */
  startUpMs: number | undefined
  stalls: number
  stalledMs: number
  /** From each seek until it plays again. */
  readonly seekMs: number[]
}

export function newReadout(): Readout {
  return {
    firstByteMs: undefined,
    doneMs: undefined,
    longestGapMs: 0,
    startUpMs: undefined,
    stalls: 0,
    stalledMs: 0,
    seekMs: [],
  }
}

export interface ReaderOptions {
  readonly time: VirtualTime
  readonly content: Content
  readonly source: Source
  /** When the visitor came. */
  readonly startMs: number
  /** Filled in as it goes. */
  readonly readout: Readout
}

/** Something that reads the file until it has it or is stopped. */
export interface FileReader {
  /** @throws Error for a wrong byte, or an answer that fails */
  run(): Promise<void>
  stop(): void
}

/** A download: reads as fast as it gets. */
export class Download implements FileReader {
  readonly #options: ReaderOptions
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined
  #isStopped = false

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { time, content, source, startMs, readout } = this.#options
    let lastMs = time.now()
    const response = await source.open()
    if (response.status !== 200 || !response.body) throw new Error(`a download was answered with ${response.status}`)
    this.#body = response.body.getReader()
    let position = 0
    while (!this.#isStopped) {
      const { value } = await this.#body.read()
      if (!value) break
      if (!content.isRight(position, value)) throw new Error(`a wrong byte after ${position}`)
      position += value.length
      readout.firstByteMs ??= time.now() - startMs
      readout.longestGapMs = Math.max(readout.longestGapMs, time.now() - lastMs)
      lastMs = time.now()
    }
    if (this.#isStopped) return
    if (position !== content.file.size) throw new Error(`a download ended after ${position} bytes`)
    readout.doneMs = time.now() - startMs
  }

  stop(): void {
    this.#isStopped = true
    this.#body?.cancel().catch(() => undefined)
  }
}
