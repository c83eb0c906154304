import { CHUNK_SOURCES, type ChunkSource, type FileChunks } from '../protocol/bridge.ts'
import { bytesOfChunk, type ChunkSpan, chunkLength, chunksOfFile } from '../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import type { RunStore, StoredRun } from '../store/chunk-store.ts'
import { RunIndex } from '../store/run-index.ts'
import { ChunkSlot } from './slot.ts'
import type { ChunkVerifier } from './verify.ts'

export interface CacheEvents {
  /** A chunk arrived whole and matches its hash. */
  verified(cache: SwarmCache, file: ManifestFile, chunk: ChunkIndex, slot: ChunkSlot): void
  /** A chunk arrived whole and does not match. */
  mismatched(cache: SwarmCache, file: ManifestFile, chunk: ChunkIndex, slot: ChunkSlot): void
}

/**
 * What one swarm has: chunks at rest in the store, and chunks on their way in. Each chunk on its way has one owner, its
 * slot. All of it can be rebuilt from the store, so that a killed worker loses only what had not arrived whole.
 */
export class SwarmCache {
  readonly swarm: SwarmManifest
  readonly #store: RunStore
  readonly #events: CacheEvents
  readonly #verifier: () => Promise<ChunkVerifier>
  #index: RunIndex
  readonly #slots = new Map<ChunkIndex, ChunkSlot>()
  readonly #sources: Uint8Array
  /** Chunks that came in and that no reader has had yet: the first to read them gains nothing by the cache. */
  readonly #fresh = new Set<ChunkIndex>()
  /** Chunks that will not be stored: they stay until the readers that wait for them have passed. */
  readonly #unstored = new Set<ChunkIndex>()

  private constructor(
    swarm: SwarmManifest,
    store: RunStore,
    index: RunIndex,
    verifier: () => Promise<ChunkVerifier>,
    events: CacheEvents,
  ) {
    this.swarm = swarm
    this.#store = store
    this.#index = index
    this.#verifier = verifier
    this.#events = events
    this.#sources = new Uint8Array(swarm.chunkCount)
    for (const { first, after } of index.runs) this.#sources.fill(CHUNK_SOURCES.indexOf('cache'), first, after)
  }

  /** @param verifier loads what is needed to verify; called for each chunk, so it remembers */
  static async open(
    swarm: SwarmManifest,
    store: RunStore,
    verifier: () => Promise<ChunkVerifier>,
    events: CacheEvents,
  ): Promise<SwarmCache> {
    const index = new RunIndex(await store.runs(swarm.infoHash))
    return new SwarmCache(swarm, store, index, verifier, events)
  }

  /** The chunk on its way in, or waiting to be stored. */
  slot(chunk: ChunkIndex): ChunkSlot | undefined {
    return this.#slots.get(chunk)
  }

  /** The slots of these chunks. There are few at any time. */
  slots({ first, after }: ChunkSpan): [ChunkIndex, ChunkSlot][] {
    return [...this.#slots].filter(([chunk]) => chunk >= first && chunk < after)
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

  /** Whether the chunk matched its hash when it came in, even if it was not kept. */
  wasVerified(chunk: ChunkIndex): boolean {
    return this.#sources[chunk] !== CHUNK_SOURCES.indexOf('none')
  }

  /** The first chunk from `chunk` on, and before `limit`, that is not free. */
  freeUntil(chunk: ChunkIndex, limit: ChunkIndex): ChunkIndex {
    let at: number = chunk
    while (at < limit && this.isFree(at as ChunkIndex)) at++
    return at as ChunkIndex
  }

  /** Makes a free chunk somebody's. The bytes that a lost origin transfer left behind are taken over. */
  claim(file: ManifestFile, chunk: ChunkIndex, source: ChunkSlot['source']): ChunkSlot {
    const lost = this.#slots.get(chunk)
    const slot = new ChunkSlot(source, chunkLength(file, chunk))
    if (source === 'origin' && lost?.source === 'origin' && !lost.mismatched) slot.append(lost.bytes, true)
    this.#slots.set(chunk, slot)
    this.#fresh.add(chunk)
    return slot
  }

  /** Bytes of a free chunk that an earlier origin transfer brought before it broke. */
  leftover(chunk: ChunkIndex): number {
    const slot = this.#slots.get(chunk)
    return slot?.state === 'lost' && slot.source === 'origin' && !slot.mismatched ? slot.filled : 0
  }

  /** Checks a slot that is full, and makes it whole or lost. */
  async settle(file: ManifestFile, chunk: ChunkIndex, slot: ChunkSlot): Promise<boolean> {
    const verify = await this.#verifier()
    const good = await verify(file, chunk, slot.bytes)
    if (good) {
      this.#sources[chunk] = CHUNK_SOURCES.indexOf(slot.source satisfies ChunkSource)
      slot.verified()
      this.#events.verified(this, file, chunk, slot)
    } else {
      slot.mismatched = true
      slot.lose()
      this.#events.mismatched(this, file, chunk, slot)
    }
    return good
  }

  /** The chunks rest in the store now. */
  stored(chunks: ChunkSpan): void {
    this.#index.add(chunks)
    for (let chunk: number = chunks.first; chunk < chunks.after; chunk++) this.#slots.delete(chunk as ChunkIndex)
  }

  /** Forgets a slot, whatever its state: readers that hold it read on, others find the chunk free. */
  release(chunk: ChunkIndex, slot: ChunkSlot): void {
    slot.lose()
    if (this.#slots.get(chunk) === slot) this.#slots.delete(chunk)
  }

  /** The stored records that hold any of `chunks`. Forgets the index when the store has lost what it says. */
  async readRuns(chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    const runs = await this.#store.readRuns(this.swarm.infoHash, chunks)
    let at: number = chunks.first
    for (const run of runs) if (run.chunks.first <= at) at = Math.max(at, run.chunks.after)
    if (at < chunks.after) this.#index = new RunIndex(await this.#store.runs(this.swarm.infoHash))
    return at < chunks.after ? [] : runs
  }

  /** The store has no room for a chunk. @param wanted whether a reader is about to come for it */
  keepUnstored(chunk: ChunkIndex, wanted: boolean): void {
    if (wanted) this.#unstored.add(chunk)
    else this.#dropUnstored(chunk)
  }

  /** Nobody reads any more: chunks that were kept for readers alone go. */
  dropUnstored(): void {
    for (const chunk of [...this.#unstored]) this.#dropUnstored(chunk)
  }

  /** Counts a delivery; returns the bytes that the cache saved. @param end whether the chunk's last byte was among them */
  delivered(chunk: ChunkIndex, bytes: number, end: boolean): number {
    const saved = this.#fresh.has(chunk) || !this.isHeld(chunk) ? 0 : bytes
    if (end) this.#fresh.delete(chunk)
    if (end && this.#unstored.has(chunk)) this.#dropUnstored(chunk)
    return saved
  }

  #dropUnstored(chunk: ChunkIndex): void {
    this.#unstored.delete(chunk)
    this.#slots.delete(chunk)
  }

  chunksOf(file: ManifestFile): FileChunks {
    const { first, after } = chunksOfFile(file)
    return { path: file.path, chunkSize: file.chunkSize, sources: this.#sources.slice(first, after) }
  }

  /** First byte of `file` at or after `position` that cannot be read at once. */
  heldUntil(file: ManifestFile, position: number, limit: number): number {
    const { first } = chunksOfFile(file)
    let at = position
    for (let chunk = first + Math.floor(position / file.chunkSize); at < limit; chunk++) {
      if (!this.isHeld(chunk as ChunkIndex)) break
      at = bytesOfChunk(file, chunk as ChunkIndex).end
    }
    return Math.min(at, limit)
  }
}
