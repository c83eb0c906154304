import { IntegrityError } from '../protocol/errors.ts'
import { bytesOfChunk, chunkAt, chunkLength, includes } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../protocol/units.ts'
import type { RunData, StoredRun } from '../store/chunk-store.ts'
import type { Demand } from './demand.ts'
import type { Version } from './head.ts'
import type { ChunkSlot } from './slot.ts'
import type { Supply } from './supply.ts'
import type { SwarmCache } from './swarm-cache.ts'

/** Stored bytes are read in pieces of at most this size. */
const READ_BYTES = 1 * MiB

/** Longest single wait for a hash; the wait is repeated as long as the chunk is there. */
const VERIFY_WAIT_MS = 1_000

export interface SpanReaderOptions {
  readonly cache: SwarmCache
  readonly supply: Supply
  readonly demand: Demand
  /** Where to stop; the demand may reach further. */
  readonly end: number
  /** The version that the answer's head belongs to, as far as it is known. */
  readonly version: Version | undefined
  /** Told of bytes that the cache saved. */
  readonly served: (bytes: number) => void
}

/**
 * Reads a span of a file in order, wherever its chunks are or come from, and never mixes versions: origin bytes flow
 * unverified while all that was given belongs to their version, everything else is given verified, and only after what
 * was given before it has been verified, too.
 */
export class SpanReader {
  readonly #cache: SwarmCache
  readonly #supply: Supply
  readonly #demand: Demand
  readonly #end: number
  readonly #served: (bytes: number) => void
  /** The stored record that was read last: the next chunk is mostly in it, too. */
  #run: StoredRun<RunData> | undefined
  /** The slot of the current chunk, held on to: it may leave the cache while it is being read. */
  #slot: { readonly chunk: ChunkIndex; readonly slot: ChunkSlot } | undefined
  #version: Version | undefined
  /** Whether bytes were given that are the manifest's version, and perhaps not `#version`. */
  #mixed = false
  /** Slots of which bytes were given before they could be verified. */
  readonly #unverified = new Map<ChunkIndex, ChunkSlot>()
  /** Whether bytes were given that nobody can verify any more. */
  #unverifiable = false

  constructor({ cache, supply, demand, end, version, served }: SpanReaderOptions) {
    this.#cache = cache
    this.#supply = supply
    this.#demand = demand
    this.#end = end
    this.#version = typeof version === 'string' ? version : undefined
    this.#served = served
  }

  /** The validator under which the origin alone can go on; undefined when its bytes may not follow. */
  get validator(): string | undefined {
    return this.#mixed || typeof this.#version !== 'string' ? undefined : this.#version
  }

  /**
   * The next bytes, or undefined at the end.
   * @throws OriginFailed when nobody brings them
   * @throws IntegrityError when they would belong to another version of the file than those before
   */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (this.#demand.position < this.#end) {
      if (!this.#supply.demands.has(this.#demand)) throw new DOMException('the reader has left', 'AbortError')
      this.#checkGiven()
      const chunk = chunkAt(this.#demand.file, this.#demand.position)
      const found = (await this.#fromSlot(chunk)) ?? (await this.#fromStore(chunk))
      if (found === 'look again') continue
      if (found) return this.#give(found)
      // Chunks that cannot be kept would be asked for one by one: the origin goes on alone instead, in one request.
      if (this.#cache.unverifiable && this.validator !== undefined) throw unverifiable(this.#demand.file)
      await this.#supply.bring(this.#demand)
    }
    return undefined
  }

  async #fromSlot(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | 'look again' | undefined> {
    const slot = this.#cache.slot(chunk) ?? (this.#slot?.chunk === chunk ? this.#slot.slot : undefined)
    if (!slot) return undefined
    this.#slot = { chunk, slot }
    const { start } = bytesOfChunk(this.#demand.file, chunk)
    const from = this.#demand.position - start
    if (slot.source === 'origin' && slot.mismatched) throw changed(this.#demand.file)
    if (slot.readable <= from) return undefined
    const flows = !this.#mixed && slot.version !== undefined && slot.version === (this.#version ?? slot.version)
    if (slot.state !== 'whole' && !flows) {
      if (isUnverifiable(slot)) throw changed(this.#demand.file)
      if (slot.state === 'lost') return undefined
      await this.#supply.waitFor(slot, slot.length, VERIFY_WAIT_MS)
      return 'look again'
    }
    if (!flows) await this.#mix()
    else if (slot.state !== 'whole') this.#unverified.set(chunk, slot)
    this.#version ??= slot.version
    return slot.bytes.subarray(from, Math.min(slot.readable, this.#end - start))
  }

  /** Forgets given slots that have turned out good. @throws IntegrityError when one has not */
  #checkGiven(): void {
    for (const [chunk, slot] of this.#unverified) {
      if (slot.mismatched) throw changed(this.#demand.file)
      const unverifiable = isUnverifiable(slot)
      if (unverifiable) this.#unverifiable = true
      if (unverifiable || slot.state === 'whole') this.#unverified.delete(chunk)
    }
  }

  /** Before bytes of the manifest's version are given, those before them must have turned out to be of it. */
  async #mix(): Promise<void> {
    for (const [chunk, slot] of this.#unverified) {
      while (slot.state === 'filling' && slot.filled === slot.length) await slot.beyond(slot.length, VERIFY_WAIT_MS)
      const good = slot.state === 'whole' || (await this.#begins(chunk, slot.bytes))
      if (good) this.#unverified.delete(chunk)
    }
    if (this.#unverifiable || this.#unverified.size > 0) throw changed(this.#demand.file)
    this.#mixed = true
  }

  /** Whether a chunk that is held begins with `bytes`. */
  async #begins(chunk: ChunkIndex, bytes: Uint8Array): Promise<boolean> {
    const slot = this.#cache.slot(chunk)
    const held = slot?.state === 'whole' ? slot.bytes : await this.#stored(chunk, 0, bytes.length)
    return held !== undefined && bytes.every((byte, i) => byte === held[i])
  }

  async #fromStore(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { position, file } = this.#demand
    const from = position - bytesOfChunk(file, chunk).start
    const bytes = await this.#stored(chunk, from, from + Math.min(READ_BYTES, this.#end - position))
    if (bytes) await this.#mix()
    return bytes
  }

  /** Bytes from the stored record that holds `chunk`, counted from the chunk's start; fewer when the record ends before. */
  async #stored(chunk: ChunkIndex, from: number, to: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const run = this.#cache.isStored(chunk) ? await this.#runWith(chunk) : undefined
    if (!run) return undefined
    const { file } = this.#demand
    const runStart = bytesOfChunk(file, run.chunks.first).start
    const offset = bytesOfChunk(file, chunk).start - runStart
    const length = bytesOfChunk(file, (run.chunks.after - 1) as ChunkIndex).end - runStart
    const bytes = await this.#cache.readBytes(run, offset + from, Math.min(offset + to, length))
    if (!bytes) this.#run = undefined
    return bytes
  }

  async #runWith(chunk: ChunkIndex): Promise<StoredRun<RunData> | undefined> {
    const run = this.#run
    if (run && includes(run.chunks, chunk)) return run
    const [found] = await this.#cache.readRuns({ first: chunk, after: (chunk + 1) as ChunkIndex })
    this.#run = found
    return found
  }

  /** Hands bytes out and counts them. */
  #give(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { file, position } = this.#demand
    const end = position + bytes.length
    this.#served(this.#cache.delivered(file, { start: position, end }))
    this.#supply.demands.advance(this.#demand, end)
    if (chunkAt(file, position) !== chunkAt(file, end)) this.#supply.ahead(this.#demand)
    return bytes
  }
}

/** Whether a slot came whole from the origin, and its hash could not be had. */
function isUnverifiable(slot: ChunkSlot): boolean {
  return slot.source === 'origin' && slot.state === 'lost' && slot.filled === slot.length && !slot.mismatched
}

function unverifiable(file: ManifestFile): IntegrityError {
  return new IntegrityError(`${file.path} has no hash`)
}

function changed(file: ManifestFile): IntegrityError {
  return new IntegrityError(`${file.path} has changed`)
}

/**
 * Everything of `[start, end)` at once as parts of a Blob; undefined when a part of it is not held after all.
 * Stored records go in as the Blobs they are, so that the browser reads them without us.
 */
export async function blobOf(cache: SwarmCache, demand: Demand, start: number, end: number): Promise<Blob | undefined> {
  const { file } = demand
  const parts: BlobPart[] = []
  for (let at = start; at < end; ) {
    const chunk = chunkAt(file, at)
    const slot = cache.slot(chunk)
    if (slot?.state === 'whole') {
      const chunkStart = bytesOfChunk(file, chunk).start
      parts.push(slot.bytes.subarray(at - chunkStart, Math.min(slot.length, end - chunkStart)))
      at = Math.min(chunkStart + chunkLength(file, chunk), end)
      continue
    }
    const stored = await storedParts(cache, demand, at, end)
    if (stored.length === 0) return undefined
    for (const part of stored) {
      parts.push(part.data)
      at += part.length
    }
  }
  return new Blob(parts)
}

interface StoredPart {
  readonly data: BlobPart
  readonly length: number
}

/** The consecutive stored records from `start` on, cut to `[start, end)`. */
async function storedParts(cache: SwarmCache, { file }: Demand, start: number, end: number): Promise<StoredPart[]> {
  const first = chunkAt(file, start)
  let after: number = first
  const last = chunkAt(file, end - 1)
  while (after <= last && cache.isStored(after as ChunkIndex)) after++
  if (after === first) return []
  const runs = await cache.readRuns({ first, after: after as ChunkIndex })
  return runs.flatMap((run) => {
    if ('read' in run.data) return [] // is no part of a Blob
    const runStart = bytesOfChunk(file, run.chunks.first).start
    const runEnd = bytesOfChunk(file, (run.chunks.after - 1) as ChunkIndex).end
    const from = Math.max(start, runStart) - runStart
    const to = Math.min(end, runEnd) - runStart
    const data = run.data instanceof Uint8Array ? run.data.subarray(from, to) : run.data.slice(from, to)
    return [{ data, length: to - from }]
  })
}
