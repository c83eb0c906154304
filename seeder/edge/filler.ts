import type { Clock } from '../../mesh/clock.ts'
import { type ByteSpan, bytesOfChunk, chunkAt } from '../../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import type { InfoHash } from '../../protocol/units.ts'
import type { Log } from '../log.ts'
import type { EdgeSwarm } from './edge-swarm.ts'

export interface FillerOptions {
  readonly open: (swarm: SwarmManifest) => Promise<EdgeSwarm>
  readonly peersIn: (infoHash: InfoHash) => number
  /** Bytes that can be stored without giving anything up. */
  readonly room: () => number
  readonly clock: Clock
  readonly log: Log
}

/** Swarms that are filled at the same time: the origin has others to serve. */
const MAX_FILLS = 2
/** Whoever lacked something has gone when nobody was connected for this long. */
const ALONE_MS = 30_000

/**
 * Fetches what peers lack and an edge lacks, too, so that the origin gives it once. Only into free room: what somebody
 * may want does not push out what somebody wanted.
 */
export class Filler {
  readonly #options: FillerOptions
  readonly #filling = new Set<InfoHash>()
  #isClosed = false

  constructor(options: FillerOptions) {
    this.#options = options
  }

  /** Resolves when the swarm is full, or nobody is there to want it any more. */
  async fill(swarm: SwarmManifest): Promise<void> {
    const { infoHash } = swarm
    if (this.#isClosed || this.#filling.has(infoHash) || this.#filling.size >= MAX_FILLS) return
    this.#filling.add(infoHash)
    try {
      const opened = await this.#options.open(swarm)
      const missing = missingBytes(opened)
      if (missing === 0 || missing > this.#options.room()) return
      this.#options.log('debug', 'fetching what peers lack', { swarm: infoHash, bytes: missing })
      const isWanted = this.#watch(infoHash)
      for (const file of swarm.files) if (!(await fillFile(opened, file, isWanted))) return
    } catch {
      // The origin does not bring it now: the next announce of a tracker asks again.
    } finally {
      this.#filling.delete(infoHash)
    }
  }

  close(): void {
    this.#isClosed = true
  }

  /** Tells whether anybody is there, or was a moment ago. */
  #watch(infoHash: InfoHash): () => boolean {
    const { clock, peersIn } = this.#options
    let seenMs = clock.now()
    return () => {
      if (peersIn(infoHash) > 0) seenMs = clock.now()
      return !this.#isClosed && clock.now() - seenMs < ALONE_MS
    }
  }
}

function missingBytes({ swarm, cache }: EdgeSwarm): number {
  let bytes = 0
  for (const file of swarm.files)
    for (let at = 0; at < file.size; ) {
      const { end } = bytesOfChunk(file, chunkAt(file, at))
      if (!cache.isStored(chunkAt(file, at))) bytes += end - at
      at = end
    }
  return bytes
}

/** @returns false when nobody wants it any more */
async function fillFile(swarm: EdgeSwarm, file: ManifestFile, isWanted: () => boolean): Promise<boolean> {
  for (let at = 0; at < file.size; ) {
    at = swarm.cache.heldUntil(file, at, file.size)
    if (at < file.size) at = await fillFrom(swarm, file, { start: at, end: file.size }, isWanted)
    if (!isWanted()) return false
  }
  return true
}

/** Reads until it comes to what is held. @returns where that is */
async function fillFrom(
  swarm: EdgeSwarm,
  file: ManifestFile,
  span: ByteSpan,
  isWanted: () => boolean,
): Promise<number> {
  const reader = swarm.read(file, span)
  try {
    for (let at = span.start; ; ) {
      const bytes = await reader.next()
      at += bytes?.length ?? 0
      const isHeld = at < file.size && swarm.cache.isStored(chunkAt(file, at))
      if (bytes === undefined || isHeld || at >= file.size || !isWanted()) return at
    }
  } finally {
    reader.close()
  }
}
