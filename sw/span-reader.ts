import { IntegrityError } from '../protocol/errors.ts'
import { bytesOfChunk, chunkLength } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../protocol/units.ts'
import type { StoredRun } from '../store/chunk-store.ts'
import type { Demand } from './demand.ts'
import type { ChunkSlot } from './slot.ts'
import { chunkAt, type Supply } from './supply.ts'
import type { SwarmCache } from './swarm-cache.ts'

/** Stored bytes are read in pieces of at most this size. */
const READ_BYTES = 1 * MiB

/** Longest single wait for a hash; the wait is repeated as long as the chunk is there. */
const VERIFY_WAIT_MS = 1_000

/** Reads a span of a file in order, wherever its chunks are or come from. */
export class SpanReader {
  readonly #cache: SwarmCache
  readonly #supply: Supply
  readonly #demand: Demand
  readonly #end: number
  readonly #served: (bytes: number) => void
  /** The stored record that was read last: the next chunk is mostly in it, too. */
  #run: StoredRun | undefined
  /** The slot of the current chunk, held on to: it may leave the cache while it is being read. */
  #slot: { readonly chunk: ChunkIndex; readonly slot: ChunkSlot } | undefined
  /** Whether bytes were given that this response did not see coming from the origin: from the store or from peers. */
  #mixed = false
  /** Chunks of which bytes were given as they came from the origin, before they could be verified. */
  readonly #unverified = new Set<ChunkIndex>()

  /**
   * @param end where to stop; the demand may reach further
   * @param served told of bytes that the cache saved
   */
  constructor(cache: SwarmCache, supply: Supply, demand: Demand, end: number, served: (bytes: number) => void) {
    this.#cache = cache
    this.#supply = supply
    this.#demand = demand
    this.#end = end
    this.#served = served
  }

  /** Whether all bytes so far came from the origin, so that the origin's bytes may follow whatever their version. */
  get onlyOrigin(): boolean {
    return !this.#mixed
  }

  /**
   * The next bytes, or undefined at the end.
   * @throws OriginFailed when nobody brings them
   * @throws IntegrityError when they would belong to another version of the file than those before
   */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (this.#demand.position < this.#end) {
      const chunk = chunkAt(this.#demand.file, this.#demand.position)
      const bytes = (await this.#fromSlot(chunk)) ?? (await this.#fromStore(chunk))
      if (bytes) return this.#give(chunk, bytes)
      if (this.#cache.slot(chunk)?.mismatched) throw changed(this.#demand.file)
      await this.#supply.bring(this.#demand)
    }
    if (this.#mixed) await this.#verifyGiven()
    return undefined
  }

  async #fromSlot(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const slot = this.#cache.slot(chunk) ?? (this.#slot?.chunk === chunk ? this.#slot.slot : undefined)
    if (!slot) return undefined
    this.#slot = { chunk, slot }
    const { start } = bytesOfChunk(this.#demand.file, chunk)
    const from = this.#demand.position - start
    if (slot.readable <= from || slot.mismatched) return undefined
    if (slot.state !== 'whole') {
      // Unverified bytes may not follow verified ones of perhaps another version.
      if (this.#mixed) return void (await slot.beyond(slot.length, VERIFY_WAIT_MS))
      this.#unverified.add(chunk)
    }
    if (slot.source === 'peers') await this.#mix()
    return slot.bytes.subarray(from, Math.min(slot.readable, this.#end - start))
  }

  /** Before bytes from elsewhere are given, those from the origin must have turned out to be of the same version. */
  async #mix(): Promise<void> {
    await this.#verifyGiven()
    this.#mixed = true
  }

  async #verifyGiven(): Promise<void> {
    for (const chunk of this.#unverified) {
      let slot = this.#cache.slot(chunk)
      while (slot?.state === 'filling' && slot.filled === slot.length) {
        await slot.beyond(slot.length, VERIFY_WAIT_MS)
        slot = this.#cache.slot(chunk)
      }
      if (!this.#cache.wasVerified(chunk)) throw changed(this.#demand.file)
    }
    this.#unverified.clear()
  }

  async #fromStore(chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.#cache.isStored(chunk)) return undefined
    const run = await this.#runWith(chunk)
    if (!run) return undefined
    await this.#mix()
    const { file, position } = this.#demand
    const runStart = bytesOfChunk(file, run.chunks.first).start
    const runEnd = bytesOfChunk(file, (run.chunks.after - 1) as ChunkIndex).end
    const from = position - runStart
    const to = Math.min(runEnd, this.#end, position + READ_BYTES) - runStart
    if (run.data instanceof Uint8Array) return run.data.subarray(from, to)
    return new Uint8Array(await run.data.slice(from, to).arrayBuffer())
  }

  async #runWith(chunk: ChunkIndex): Promise<StoredRun | undefined> {
    const run = this.#run
    if (run && run.chunks.first <= chunk && chunk < run.chunks.after) return run
    const [found] = await this.#cache.readRuns({ first: chunk, after: (chunk + 1) as ChunkIndex })
    this.#run = found
    return found
  }

  /** Hands bytes out and counts them, chunk by chunk. */
  #give(first: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { file, position } = this.#demand
    const end = position + bytes.length
    let at = position
    for (let chunk: number = first; at < end; chunk++) {
      const chunkEnd = bytesOfChunk(file, chunk as ChunkIndex).end
      const upTo = Math.min(chunkEnd, end)
      this.#served(this.#cache.delivered(chunk as ChunkIndex, upTo - at, upTo === chunkEnd))
      at = upTo
    }
    this.#supply.demands.advance(this.#demand, end)
    if (Math.floor(position / file.chunkSize) !== Math.floor(end / file.chunkSize)) this.#supply.ahead(this.#demand)
    return bytes
  }
}

function changed(file: ManifestFile): IntegrityError {
  return new IntegrityError(`${file.path} is not the version of the manifest`)
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
  return runs.map((run) => {
    const runStart = bytesOfChunk(file, run.chunks.first).start
    const runEnd = bytesOfChunk(file, (run.chunks.after - 1) as ChunkIndex).end
    const from = Math.max(start, runStart) - runStart
    const to = Math.min(end, runEnd) - runStart
    const data = run.data instanceof Uint8Array ? run.data.subarray(from, to) : run.data.slice(from, to)
    return { data, length: to - from }
  })
}
