import type { ManifestFile } from '../protocol/manifest.ts'
import { MiB } from '../protocol/units.ts'
import { Bell } from './bell.ts'

/** How the origin is asked for a file. */
export interface OriginAccess {
  readonly url: string
  readonly credentials: RequestCredentials
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
  /** End of what it reads; of the whole file for a media element, which asks again. */
  readonly end: number
  /** How long a media element can go on playing without more; undefined while nothing is known. */
  readonly slackMs: () => number | undefined
}

/** A transfer runs at most this far ahead of its reader, so that a paused reader pauses the origin. */
const AHEAD_BYTES = 4 * MiB

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
    this.#bell.ring()
  }

  /** Whether anybody reads this file, even if it reads elsewhere or pauses. */
  anyOn(file: ManifestFile): boolean {
    return [...this.#open].some((demand) => demand.file === file)
  }

  /** Whether anybody wants the byte at `position` now. */
  wants(file: ManifestFile, position: number): boolean {
    return [...this.#open].some(
      (demand) =>
        demand.file === file && position < demand.position + AHEAD_BYTES && position > demand.position - BEHIND_BYTES,
    )
  }

  /** Resolves at the next change, or after `ms`. */
  async change(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }
}
