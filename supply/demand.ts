import { type ChunkSpan, chunksCovering, includes } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../protocol/units.ts'
import { Bell } from './bell.ts'

/** How the origin is asked for a file. */
export interface OriginAccess {
  readonly url: string
  readonly credentials: RequestCredentials
}

/** What a media element tells of itself. */
export interface Playback {
  /** Milliseconds that it can go on playing without more. */
  readonly slackMs: number
  /** Milliseconds that it takes for all of its film; no finite number while it does not know. */
  readonly lengthMs: number
}

/** What one reader wants of a file, now and soon. */
export interface Demand {
  readonly file: ManifestFile
  readonly access: OriginAccess
  readonly media: boolean
  /** Where the reader began or last sought to, in bytes of the file. */
  readonly begin: number
  /** First byte that the reader has not had. */
  position: number
  /** When it had a byte last, or began (Date.now()). */
  readMs: number
  /** End of what it reads; of the whole file for a media element, which asks again. */
  readonly end: number
  /** How the media element that reads, or is fed, stands at the moment. */
  readonly playback: () => Partial<Playback>
}

/** A transfer runs at most this far ahead of its reader, so that a paused reader pauses the origin. */
export const AHEAD_BYTES = 4 * MiB

/**
 * What a reader comes to within this much is worth keeping in memory where it cannot be stored, and worth a transfer that
 * waits: a quick origin is asked up to a whole request early.
 */
const SOON_BYTES = 32 * MiB

/** A reader waits for a transfer that is at most this far behind it. */
export const BEHIND_BYTES = 1 * MiB

/** All demands on one swarm. */
export class Demands {
  readonly #open = new Set<Demand>()
  readonly #bell = new Bell()

  get all(): Iterable<Demand> {
    return this.#open
  }

  /** Whether anybody reads. */
  get some(): boolean {
    return this.#open.size > 0
  }

  add(demand: Demand): void {
    this.#open.add(demand)
    this.#bell.ring()
  }

  remove(demand: Demand): void {
    this.#open.delete(demand)
    this.#bell.ring()
  }

  /** The reader has had everything up to `position`. */
  advance(demand: Demand, position: number): void {
    demand.position = position
    demand.readMs = Date.now()
    this.#bell.ring()
  }

  /** Whether anybody who reads this file, even if it pauses, comes to the byte at `position` before long. */
  comesNear(file: ManifestFile, position: number): boolean {
    return this.wants(file, position, SOON_BYTES)
  }

  /** Whether anybody wants the byte at `position` now. */
  wants(file: ManifestFile, position: number, ahead = AHEAD_BYTES): boolean {
    const { chunkSize } = file
    return [...this.#open].some((demand) => {
      // A chunk comes from its start, however far into it the reader is.
      const from = Math.floor(demand.position / chunkSize) * chunkSize - BEHIND_BYTES
      return demand.file === file && position >= from && position < demand.position + ahead
    })
  }

  /** Whether a reader is about to come to `chunk`, after so many bytes at most. */
  comeTo(chunk: ChunkIndex, within = SOON_BYTES): boolean {
    return [...this.#open].some((demand) => includes(chunksAhead(demand, within), chunk))
  }

  /** Whether the demand's reader is still there. */
  has(demand: Demand): boolean {
    return this.#open.has(demand)
  }

  /** Tells the transfers that somebody waits. */
  ring(): void {
    this.#bell.ring()
  }

  /** Resolves at the next change, or after `ms`. */
  async change(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }
}

/** Chunks that a reader comes to within so many bytes. */
export function chunksAhead({ file, position, end }: Demand, bytes: number): ChunkSpan {
  return chunksCovering(file, { start: position, end: Math.min(end, position + bytes) })
}
