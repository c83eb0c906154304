import { withDeadline } from '../protocol/deadline.ts'
import { CHUNK_SOURCES, type ChunkSource, type FileChunks } from '../protocol/delivery.ts'
import { IntegrityError } from '../protocol/errors.ts'
import {
  type ByteSpan,
  bytesOfChunk,
  type ChunkSpan,
  chunkAt,
  chunkLength,
  chunksOfFile,
  includes,
} from '../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../protocol/units.ts'
import type { RestingBytes, RunData, RunStore, StoredRun } from '../store/chunk-store.ts'
import { RunIndex } from '../store/run-index.ts'
import type { Version } from './head.ts'
import type { Patience } from './patience.ts'
import { ChunkSlot } from './slot.ts'
import type { ChunkVerifier } from './verify.ts'

/** Chunks that wait for their hashes; beyond it they pass by unverified and unstored. */
const MAX_CHECKING_BYTES = 64 * MiB

/** Broken transfers are kept for whoever goes on with them, up to this much. */
const MAX_LOST_BYTES = 32 * MiB

export interface CacheEvents {
  /** A chunk arrived whole and matches its hash. */
  verified(cache: SwarmCache, file: ManifestFile, chunk: ChunkIndex, slot: ChunkSlot): void
  /** A chunk came whole from the origin and does not match. */
  mismatched(cache: SwarmCache, file: ManifestFile, chunk: ChunkIndex): void
}

export interface CacheOptions extends CacheEvents {
  readonly swarm: SwarmManifest
  readonly store: RunStore<RunData>
  /** Whether nothing of the swarm is stored, so that nobody need look. */
  readonly isNew: boolean
  readonly patience: Patience
  /** Loads what is needed to verify; called for each chunk, so it remembers. */
  verifier(): Promise<ChunkVerifier>
}

/**
 * What one swarm has: chunks at rest in the store, and chunks on their way in. Each chunk on its way has one owner, its
 * slot. All of it can be rebuilt from the store, so that a killed worker loses only what had not arrived whole.
 */
export class SwarmCache {
  readonly swarm: SwarmManifest
  /** The hashes cannot be had: nothing that comes in now can be kept. */
  unverifiable = false
  readonly #store: RunStore<RunData>
  readonly #events: CacheEvents
  readonly #verifier: () => Promise<ChunkVerifier>
  readonly #patience: Patience
  #checkingBytes = 0
  #index: RunIndex
  readonly #slots = new Map<ChunkIndex, ChunkSlot>()
  readonly #sources: Uint8Array
  /** Chunks that came in and that no reader has had yet: the first to read them gains nothing by the cache. */
  readonly #fresh = new Set<ChunkIndex>()
  /** Chunks that stay, stored or not, until the readers that are about to come to them have passed. */
  readonly #awaited = new Set<ChunkIndex>()

  private constructor({ swarm, store, verifier, patience, ...events }: CacheOptions, index: RunIndex) {
    this.swarm = swarm
    this.#store = store
    this.#index = index
    this.#verifier = verifier
    this.#patience = patience
    this.#events = events
    this.#sources = new Uint8Array(swarm.chunkCount)
    for (const { first, after } of index.runs) this.#sources.fill(CHUNK_SOURCES.indexOf('cache'), first, after)
  }

  static async open(options: CacheOptions): Promise<SwarmCache> {
    const { isNew, store, swarm } = options
    return new SwarmCache(options, new RunIndex(isNew ? [] : await store.runs(swarm.infoHash)))
  }

  /** The chunk on its way in, or waiting to be stored. */
  slot(chunk: ChunkIndex): ChunkSlot | undefined {
    return this.#slots.get(chunk)
  }

  /** The slots of these chunks. There are few at any time. */
  slots(chunks: ChunkSpan): [ChunkIndex, ChunkSlot][] {
    return [...this.#slots].filter(([chunk]) => includes(chunks, chunk))
  }

  isStored(chunk: ChunkIndex): boolean {
    return this.#index.holds(chunk)
  }

  /** Whether the chunk is neither held nor on its way. A lost slot may be claimed anew. */
  isFree(chunk: ChunkIndex): boolean {
    const slot = this.#slots.get(chunk)
    return !this.#index.holds(chunk) && (!slot || slot.state === 'lost')
  }

  /** Whether the chunk can be read whole at once. */
  isHeld(chunk: ChunkIndex): boolean {
    return this.#index.holds(chunk) || this.#slots.get(chunk)?.state === 'whole'
  }

  /** The first chunk from `chunk` on, and before `limit`, that is not free. */
  freeUntil(chunk: ChunkIndex, limit: ChunkIndex): ChunkIndex {
    let at: number = chunk
    while (at < limit && this.isFree(at as ChunkIndex)) at++
    return at as ChunkIndex
  }

  /** Makes a free chunk somebody's: the origin's with the version of its answer, a peer's without. */
  claim(file: ManifestFile, chunk: ChunkIndex, version?: Version): ChunkSlot {
    const slot = new ChunkSlot(chunkLength(file, chunk), version)
    this.#slots.set(chunk, slot)
    this.#fresh.add(chunk)
    return slot
  }

  /** Goes on with what an earlier origin transfer left behind; bytes of another version are forgotten instead. */
  resume(chunk: ChunkIndex, version: Version): ChunkSlot | undefined {
    const slot = this.#slots.get(chunk)
    const goesOn = slot?.version === version
    if (goesOn) slot.resume()
    else if (slot) this.release(chunk, slot)
    return goesOn ? slot : undefined
  }

  /** Bytes of a free chunk that an earlier origin transfer brought before it broke, and that another one can continue. */
  leftover(chunk: ChunkIndex): number {
    const slot = this.#slots.get(chunk)
    return slot?.state === 'lost' && typeof slot.version === 'string' && !slot.mismatched ? slot.filled : 0
  }

  /** Checks a slot that is full, and makes it whole or lost. @throws when its hash cannot be had */
  async settle(file: ManifestFile, chunk: ChunkIndex, slot: ChunkSlot): Promise<boolean> {
    if (this.#checkingBytes > MAX_CHECKING_BYTES) throw new IntegrityError('too much')
    this.#checkingBytes += slot.length
    const good = await this.#verify(file, chunk, slot.bytes).finally(() => {
      this.#checkingBytes -= slot.length
    })
    if (good) {
      this.#sources[chunk] = CHUNK_SOURCES.indexOf(slot.source satisfies ChunkSource)
      slot.verified()
      this.#events.verified(this, file, chunk, slot)
    } else {
      slot.mismatched = true
      slot.lose()
      if (slot.source === 'origin') this.#events.mismatched(this, file, chunk)
    }
    return good
  }

  async #verify(file: ManifestFile, chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    // In a task of its own: the bytes go to their readers before anything is done with them here.
    await new Promise((resolve) => setTimeout(resolve))
    const verifier = this.#verifier()
    this.unverifiable = await verifier.then(
      () => false,
      () => true,
    )
    return await (await verifier)(file, chunk, bytes)
  }

  /** The chunks rest in the store now. @param isAwaited whether a reader is so near that reading it back is a waste */
  stored(chunks: ChunkSpan, isAwaited: (chunk: ChunkIndex) => boolean): void {
    this.#index.add(chunks)
    for (let chunk: number = chunks.first; chunk < chunks.after; chunk++) this.#awaited.add(chunk as ChunkIndex)
    for (const chunk of this.#awaited) {
      if (!this.isStored(chunk) || isAwaited(chunk)) continue
      this.#awaited.delete(chunk)
      this.#slots.delete(chunk)
    }
  }

  /** Forgets a slot, whatever its state: readers that hold it read on, others find the chunk free. */
  release(chunk: ChunkIndex, slot: ChunkSlot): void {
    slot.lose()
    if (this.#slots.get(chunk) === slot) this.#slots.delete(chunk)
  }

  /** The stored records that hold all of `chunks`; none when the store has lost one, fails or does not answer. */
  async readRuns(chunks: ChunkSpan): Promise<readonly StoredRun<RunData>[]> {
    const runs = await this.#fromStore(this.#store.readRuns(this.swarm.infoHash, chunks))
    let at: number = chunks.first
    for (const run of runs) if (run.chunks.first <= at) at = run.chunks.after
    if (at >= chunks.after) return runs
    this.forgetStored(chunks)
    return []
  }

  /** Bytes of a stored record; undefined as above. */
  async readBytes(
    { chunks, data }: StoredRun<RunData>,
    from: number,
    to: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (data instanceof Uint8Array) return data.subarray(from, to)
    const [bytes] = await this.#fromStore(partOf(data, from, to).then((part) => [part]))
    if (!bytes) this.forgetStored(chunks)
    return bytes
  }

  /** These chunks do not rest in the store any more, nor do those in one run with them; all of them unless told. */
  forgetStored({ first, after }: ChunkSpan = chunksOfSwarm(this.swarm)): void {
    const [gone, kept] = [[] as ChunkSpan[], [] as ChunkSpan[]]
    for (const run of this.#index.runs) (run.first < after && run.after > first ? gone : kept).push(run)
    for (const run of gone) this.#sources.fill(CHUNK_SOURCES.indexOf('none'), run.first, run.after)
    this.#index = new RunIndex(kept)
  }

  async #fromStore<T>(reading: Promise<readonly T[]>): Promise<readonly T[]> {
    return await withDeadline(reading, this.#patience.store).catch(() => [])
  }

  /** The store has no room for a chunk. @param wanted whether a reader is about to come for it */
  keepUnstored(chunk: ChunkIndex, wanted: boolean): void {
    if (wanted) this.#awaited.add(chunk)
    else this.#slots.delete(chunk)
  }

  /** A reader has left: the oldest broken transfers go and, with the last reader, chunks that were kept for readers. */
  tidy(isRead: boolean): void {
    if (!isRead) {
      for (const chunk of this.#awaited) this.#slots.delete(chunk)
      this.#awaited.clear()
    }
    let bytes = 0
    for (const [chunk, slot] of [...this.#slots].reverse()) {
      if (slot.state !== 'lost') continue
      bytes += slot.length
      if (bytes > MAX_LOST_BYTES) this.release(chunk, slot)
    }
  }

  /** Counts the delivery of bytes of a file; returns how many of them the cache saved. */
  delivered(file: ManifestFile, { start, end }: ByteSpan): number {
    let saved = 0
    for (let at = start; at < end; ) {
      const chunk = chunkAt(file, at)
      const chunkEnd = bytesOfChunk(file, chunk).end
      const upTo = Math.min(chunkEnd, end)
      if (!this.#fresh.has(chunk) && this.isHeld(chunk)) saved += upTo - at
      if (upTo === chunkEnd) {
        this.#fresh.delete(chunk)
        if (this.#awaited.delete(chunk)) this.#slots.delete(chunk)
      }
      at = upTo
    }
    return saved
  }

  chunksOf(file: ManifestFile): FileChunks {
    const { first, after } = chunksOfFile(file)
    return { path: file.path, chunkSize: file.chunkSize, sources: this.#sources.slice(first, after) }
  }

  /** First byte of `file` at or after `position` that cannot be read at once. */
  heldUntil(file: ManifestFile, position: number, limit: number): number {
    let at = position
    for (let chunk: number = chunkAt(file, position); at < limit; chunk++) {
      if (!this.isHeld(chunk as ChunkIndex)) break
      at = bytesOfChunk(file, chunk as ChunkIndex).end
    }
    return Math.min(at, limit)
  }
}

async function partOf(
  data: Blob | RestingBytes,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return 'read' in data ? await data.read(from, to) : new Uint8Array(await data.slice(from, to).arrayBuffer())
}

export function chunksOfSwarm({ chunkCount }: SwarmManifest): ChunkSpan {
  return { first: 0 as ChunkIndex, after: chunkCount as ChunkIndex }
}
