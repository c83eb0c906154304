import { Bell } from './bell.ts'
import type { Version } from './head.ts'

/** How a chunk on its way in stands. `whole`: verified. `lost`: nobody brings it any more. */
export type SlotState = 'filling' | 'whole' | 'lost'

/**
 * One chunk on its way in: the one owner of its bytes until they rest in the store.
 * Origin bytes may be read as they come, peer bytes only once the whole chunk is verified.
 */
export class ChunkSlot {
  readonly source: 'origin' | 'peers'
  readonly length: number
  /** The version that the origin's bytes belong to; undefined for a peer's, which are verified before anybody reads them. */
  readonly version: Version | undefined
  /** Readers that wait for bytes which are not here yet: a paused transfer goes on for them. */
  waiting = 0
  /** All bytes are here and do not match their hash. */
  mismatched = false
  readonly #bell = new Bell()
  #bytes: Uint8Array<ArrayBuffer> | undefined
  #filled = 0
  #state: SlotState = 'filling'

  constructor(length: number, version?: Version) {
    this.source = version === undefined ? 'peers' : 'origin'
    this.length = length
    this.version = version
  }

  get state(): SlotState {
    return this.#state
  }

  /** Bytes that may be read, from the chunk's start. */
  get readable(): number {
    return this.#state === 'whole' || this.source === 'origin' ? this.#filled : 0
  }

  /** Bytes that have arrived, from the chunk's start. */
  get filled(): number {
    return this.#filled
  }

  /** The bytes that have arrived; a view, never written to again. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes?.subarray(0, this.#filled) ?? new Uint8Array(0)
  }

  /** Takes bytes in order; at most what is missing. A whole chunk stays where it is: nobody else may write to it. */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === this.length) this.#bytes = bytes
    this.#bytes ??= new Uint8Array(this.length)
    if (this.#bytes !== bytes) this.#bytes.set(bytes, this.#filled)
    this.#filled += bytes.length
    this.#bell.ring()
  }

  /** Takes all bytes at once. */
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#filled = bytes.length
  }

  /** The bytes match their hash. */
  verified(): void {
    this.#state = 'whole'
    this.#bell.ring()
  }

  /** Somebody goes on with a lost slot from the bytes it has. */
  resume(): void {
    this.#state = 'filling'
  }

  /** No more bytes will come. */
  lose(): void {
    if (this.#state !== 'filling') return
    this.#state = 'lost'
    this.#bell.ring()
  }

  /**
   * Waits until bytes beyond `offset` can be read or the slot is lost.
   * @returns false when nothing changed within `patienceMs`
   */
  async beyond(offset: number, patienceMs: number): Promise<boolean> {
    if (this.readable > offset || this.#state !== 'filling') return true
    this.waiting++
    try {
      return await this.#bell.next(patienceMs)
    } finally {
      this.waiting--
    }
  }
}
