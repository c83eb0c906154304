import { withDeadline } from '../protocol/deadline.ts'
import { type ByteSpan, bytesOfChunk, type ChunkSpan, chunkAt, chunksCovering } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, KiB, MiB } from '../protocol/units.ts'
import { Bell } from './bell.ts'
import { BEHIND_BYTES, type Demands } from './demand.ts'
import type { Version } from './head.ts'
import type { ChunkSlot } from './slot.ts'
import type { SwarmCache } from './swarm-cache.ts'

/** A reader that has paused for this long finds its transfer closed, and gets another when it reads on. */
const MAX_PAUSE_MS = 60_000

/** Readers may wait for the first bytes of a transfer, and it is too early to count on the rest. */
const STEADY_BYTES = 1 * MiB

/** As much as browsers hand over at a time. */
const PIECE_BYTES = 64 * KiB

export interface OriginRunOptions {
  readonly file: ManifestFile
  readonly cache: SwarmCache
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>
  /** The bytes that `body` has. */
  readonly span: ByteSpan
  /** Where the run stops though `body` has more. */
  readonly end: number
  /** Whether the origin can be asked for what the run leaves out. */
  readonly answersRanges: boolean
  /** Undefined: the body is read as fast as it comes, for somebody else paces it. */
  readonly demands: Demands | undefined
  /** The version that the bytes belong to. */
  readonly version: Version
  /** Milliseconds of silence after which the run gives up. */
  readonly patience: number
  /** So many bytes come within a moment: no more than these are read at once, and a whole chunk straight to where it stays. */
  readonly momentBytes: () => number
  /** Bytes have come, and are in their slots. */
  readonly received: (bytes: number) => void
}

/** One origin response on its way into slots. It owns the chunk it is at, and claims the next one when it gets there. */
export class OriginRun {
  readonly #options: OriginRunOptions
  readonly #reader: BodyReader
  readonly #bell = new Bell()
  #position: number
  #slot: ChunkSlot | undefined
  #chunk: ChunkIndex
  #stopped = false
  #end: number
  /** Settles when all chunks that came whole are verified. */
  #checked: Promise<unknown> = Promise.resolve()
  /** Settles when the run is over; never rejects. */
  readonly done: Promise<unknown>

  constructor(options: OriginRunOptions) {
    this.#options = options
    this.#position = options.span.start
    this.#end = Math.min(options.end, options.span.end)
    this.#chunk = chunkAt(this.file, options.span.start)
    this.#reader = readerOf(options.body)
    this.done = this.#run().then(() => this.#checked)
  }

  /** First byte that has not arrived. */
  get position(): number {
    return this.#position
  }

  get file(): ManifestFile {
    return this.#options.file
  }

  get end(): number {
    return this.#end
  }

  /** Chunks that came, and will. */
  get chunks(): ChunkSpan {
    return chunksCovering(this.file, { start: this.#options.span.start, end: this.#end })
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Resolves when bytes have arrived or the run has stopped, or after `ms`. */
  async progress(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }

  /** Whether the run will get to the byte at `position` soon. One that nobody paces does for a download, wherever it is. */
  leadsTo(position: number, media: boolean): boolean {
    if (this.#stopped || position < this.#position || position >= this.end) return false
    return (!media && !this.#options.demands) || position - this.#position <= BEHIND_BYTES
  }

  /** Ends a paced run `bytes` after its start, or with the chunk it is at, if the origin can be asked for the rest. */
  shorten(bytes: number): void {
    const { file, answersRanges, demands, span } = this.#options
    if (!answersRanges || !demands) return
    const last = chunkAt(file, Math.max(this.#position, span.start + bytes - 1))
    this.#end = Math.min(this.#end, bytesOfChunk(file, last).end)
  }

  /** Ends the run; a chunk that is not whole is lost. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#slot?.lose()
    this.#reader.cancel().catch(() => {})
    this.#bell.ring()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped && this.#position < this.end && (await this.#mayGoOn())) {
        const { done, value } = await withDeadline(this.#read(), this.#options.patience)
        if (value) {
          this.#take(value)
          this.#options.received(value.length)
          this.#bell.ring()
        }
        if (done) break
      }
    } catch {
      // The connection broke or fell silent: readers see the lost slot, and go on from the bytes that did arrive.
    } finally {
      this.stop()
    }
  }

  /** Lets an unpaced run pass; a paced one waits here while nobody wants its next byte, and ends when nobody comes to it. */
  async #mayGoOn(): Promise<boolean> {
    const { demands, file } = this.#options
    if (!demands) return true
    const giveUpAt = Date.now() + MAX_PAUSE_MS
    while (!this.#slot?.waiting && !demands.wants(file, this.#position)) {
      if (this.#stopped || !demands.comesNear(file, this.#position) || Date.now() >= giveUpAt) return false
      await demands.change(giveUpAt - Date.now())
    }
    return true
  }

  #read(): Promise<Arrival> {
    const { file, momentBytes, span } = this.#options
    const left = bytesOfChunk(file, chunkAt(file, this.#position)).end - this.#position
    // When the connection breaks, what was read at once so far is lost.
    const isQuick = this.#position >= span.start + STEADY_BYTES && left <= momentBytes()
    return isQuick ? this.#reader.read(left, left) : this.#reader.read(Math.min(left, PIECE_BYTES), 1)
  }

  #take(arrived: Uint8Array<ArrayBuffer>): void {
    let bytes = arrived.subarray(0, this.end - this.#position)
    while (bytes.length > 0 && !this.#stopped) {
      this.#chunk = chunkAt(this.file, this.#position)
      const { end } = bytesOfChunk(this.#options.file, this.#chunk)
      const part = bytes.subarray(0, end - this.#position)
      if (!this.#place(part)) return
      this.#position += part.length
      bytes = bytes.subarray(part.length)
      if (this.#position === end) this.#finishChunk()
    }
  }

  /** Puts bytes into the chunk's slot. Returns false when the run has met a chunk that somebody else has. */
  #place(part: Uint8Array<ArrayBuffer>): boolean {
    const { cache, file, demands, version } = this.#options
    const offset = this.#position - bytesOfChunk(file, this.#chunk).start
    if (!this.#slot && cache.isFree(this.#chunk)) {
      if (offset === 0) this.#slot = cache.claim(file, this.#chunk, version)
      else if (cache.leftover(this.#chunk) === offset) this.#slot = cache.resume(this.#chunk, version)
    }
    if (this.#slot) this.#slot.append(part)
    else if (demands) {
      this.stop()
      return false
    }
    return true
  }

  #finishChunk(): void {
    const slot = this.#slot
    const chunk = this.#chunk
    this.#slot = undefined
    if (!slot) return
    const { cache, file } = this.#options
    // A verifier that cannot be had leaves the chunk unverified: it passes by, and is not stored.
    const checking = cache.settle(file, chunk, slot).then(
      (good) => good || this.stop(),
      () => {
        cache.release(chunk, slot)
        if (cache.unverifiable) this.stop()
      },
    )
    this.#checked = Promise.all([this.#checked, checking])
  }
}

interface BodyReader {
  /** Reads up to `length` bytes, and where the browser lets us say so, no fewer than `min`. */
  read(length: number, min: number): Promise<Arrival>
  cancel(): Promise<void>
}

interface Arrival {
  readonly done: boolean
  readonly value?: Uint8Array<ArrayBuffer> | undefined
}

/** The platform's reader, with an option that its types do not know yet (Streams standard, "ReadableStreamBYOBReader"). */
interface ByteReader {
  read(view: Uint8Array<ArrayBuffer>, options: { readonly min: number }): Promise<Arrival>
  cancel(): Promise<void>
}

/** Reads to where the bytes stay, if the body lets us: what browsers hand over by themselves has to be copied there. */
function readerOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): BodyReader {
  try {
    const reader: ByteReader = body.getReader({ mode: 'byob' })
    return { read: (length, min) => reader.read(new Uint8Array(length), { min }), cancel: () => reader.cancel() }
  } catch {
    return body.getReader()
  }
}
