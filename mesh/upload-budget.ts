import { KiB } from '../protocol/units.ts'
import { RateMeter } from './rate-meter.ts'
import { TokenBucket } from './token-bucket.ts'
import { Turns } from './turns.ts'

/** How long a node holds back after it was last told to. */
export const EASE_MS = 10_000
/** Bytes per second; whoever gives less is in nobody's way, and peers that wait longer for a block give up. */
const LEAST_RATE = 64 * KiB
/** Part of what a node gives. Of those who help each other one is ahead for seconds at a time. */
const SOMETHING = 1 / 16
/** Swarms tick on their own: by this much of a second's worth one may be ahead of others, or the rate would not be used. */
const LEAD = 0.5

export interface UploadBudgetOptions {
  /** Bytes per second; Infinity for no cap. */
  readonly limit: number
  readonly nowMs: number
  /** Told of all that is uploaded, as it is. */
  readonly onUpload?: (bytes: number) => void
}

/** What all swarms of a node may upload together. */
export class UploadBudget {
  readonly #bucket: TokenBucket
  readonly #turns = new Turns<UploadShare>()
  readonly #rate = new RateMeter()
  /** What peers give us. */
  readonly #gain = new RateMeter()
  readonly #onUpload: (bytes: number) => void
  #limit: number
  /** When it last was to hold back. */
  #easedMs = Number.NEGATIVE_INFINITY

  constructor({ limit, nowMs, onUpload = () => undefined }: UploadBudgetOptions) {
    this.#limit = limit
    this.#bucket = new TokenBucket(limit, nowMs)
    this.#onUpload = onUpload
  }

  /** @param bytesPerSecond Infinity for no cap */
  set limit(bytesPerSecond: number) {
    this.#limit = bytesPerSecond
    this.#bucket.bytesPerSecond = bytesPerSecond
  }

  /** One swarm's part: as much as any other's that wants it. */
  share(): UploadShare {
    const gained = (bytes: number, nowMs: number) => this.#gain.add(bytes, nowMs)
    const share: UploadShare = new UploadShare((bytes, nowMs) => this.#take(share, bytes, nowMs), gained)
    return share
  }

  /**
   * Something else needs the line or the processor: for EASE_MS half of what was uploaded before. Never less than that
   * half, however often it is told, and nothing while peers give something in return: where all of them are short of bytes,
   * they would starve each other.
   */
  ease(nowMs: number): void {
    this.#recover(nowMs)
    const rate = this.#rate.perSecond(nowMs) ?? 0
    if ((this.#gain.perSecond(nowMs) ?? 0) >= rate * SOMETHING) return
    if (!this.#isEased(nowMs)) {
      if (rate < LEAST_RATE) return
      this.#bucket.bytesPerSecond = Math.min(this.#limit, rate / 2)
    }
    this.#easedMs = nowMs
  }

  #take(share: UploadShare, bytes: number, nowMs: number): boolean {
    this.#recover(nowMs)
    if (!this.#turns.mayGo(share, nowMs, LEAD * this.#bucket.bytesPerSecond)) return false
    if (!this.#bucket.take(bytes, nowMs)) {
      this.#turns.wait(share, nowMs)
      return false
    }
    this.#turns.went(share, bytes)
    this.#rate.add(bytes, nowMs)
    this.#onUpload(bytes)
    return true
  }

  #isEased(nowMs: number): boolean {
    return nowMs - this.#easedMs < EASE_MS
  }

  #recover(nowMs: number): void {
    if (!this.#isEased(nowMs)) this.#bucket.bytesPerSecond = this.#limit
  }
}

/** What one swarm may upload, shared out among its peers. */
export class UploadShare {
  /** Peers have given the swarm so many bytes. */
  readonly gained: (bytes: number, nowMs: number) => void
  readonly #take: (bytes: number, nowMs: number) => boolean
  readonly #turns = new Turns<object>()

  constructor(take: (bytes: number, nowMs: number) => boolean, gained: (bytes: number, nowMs: number) => void) {
    this.#take = take
    this.gained = gained
  }

  /** Takes `bytes` for a peer, when it is its turn and there is something left. */
  take(peer: object, bytes: number, nowMs: number): boolean {
    if (!this.#turns.mayGo(peer, nowMs)) return false
    if (!this.#take(bytes, nowMs)) {
      this.#turns.wait(peer, nowMs)
      return false
    }
    this.#turns.went(peer, bytes)
    return true
  }
}
