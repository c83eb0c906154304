import type { Clock } from '../mesh/clock.ts'
import { TokenBucket } from '../mesh/token-bucket.ts'
import type { Link, LinkEvents } from '../mesh/transport.ts'
import { KiB } from '../protocol/units.ts'

/** How soon the waiting links are looked at again when the rate is used up. */
const RETRY_MS = 20
/** Handed to a link at most; what it cannot send keeps nobody else waiting. More than simple-peer holds back. */
const LINK_WATER = 128 * KiB
/** The largest message that every stack takes. Node's WebRTC moves half as much again in these as in blocks of 16 KiB. */
const MAX_MESSAGE = 64 * KiB
/** Below this, whoever fills the link is told to go on. */
const LOW_WATER = 128 * KiB
/** Less than this says what we have, more is what the other side asked for. */
const SERVED_BYTES = 4 * KiB
/** A link that has not been served for so long may give way: its peer has what it wants, or has it from others. */
const IDLE_MS = 15_000

/** One cap over all links of all swarms. Links that have something to send take turns, message by message. */
export class UploadPacer {
  readonly #clock: Clock
  readonly #bucket: TokenBucket
  readonly #links = new Set<PacedLink>()
  /** Links with a queue, in the order of their turns. */
  readonly #waiting = new Set<PacedLink>()
  readonly #limit: number
  readonly #limitEach: number
  #cancelRetry: (() => void) | undefined
  #isPumping = false

  /**
   * @param limit bytes per second over all links; Infinity for no cap
   * @param limitEach likewise over each of them
   */
  constructor(clock: Clock, limit = Number.POSITIVE_INFINITY, limitEach = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#bucket = new TokenBucket(limit, clock.now())
    this.#limit = limit
    this.#limitEach = limitEach
  }

  /** Open links. */
  get links(): number {
    return this.#links.size
  }

  /** Closes the link that has gone unserved longest, for somebody who has none. @returns whether one was idle enough */
  makeRoom(): boolean {
    let idlest: PacedLink | undefined
    for (const link of this.#links) if (idlest === undefined || link.servedMs < idlest.servedMs) idlest = link
    if (idlest === undefined || this.#clock.now() - idlest.servedMs < IDLE_MS) return false
    idlest.giveUp()
    return true
  }

  /** Bytes that are on their way out over all links. */
  get buffered(): number {
    let sum = 0
    for (const link of this.#links) sum += link.buffered
    return sum
  }

  /** The link under this cap. Nobody else may use it from now on. */
  wrap(inner: Link): Link {
    const link = new PacedLink(inner, {
      now: () => this.#clock.now(),
      isUnlimited: Math.min(this.#limit, this.#limitEach) === Number.POSITIVE_INFINITY,
      bucket: new TokenBucket(this.#limitEach, this.#clock.now()),
      wait: (waiting) => {
        this.#waiting.add(waiting)
        this.#pump()
      },
      gone: (closed) => {
        this.#links.delete(closed)
        this.#waiting.delete(closed)
      },
    })
    this.#links.add(link)
    return link
  }

  close(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #pump(): void {
    // A link may report back while it is being sent to: the turn that runs finds it.
    if (this.#isPumping || this.#cancelRetry !== undefined) return
    this.#isPumping = true
    this.#takeTurns()
    this.#isPumping = false
  }

  /** One message a turn, until the rate is used up or no link takes more. */
  #takeTurns(): void {
    const nowMs = this.#clock.now()
    /** Links that have had their own share for now. */
    const resting: PacedLink[] = []
    for (const link of this.#waiting) {
      // A link that is full comes back by itself when it has drained.
      this.#waiting.delete(link)
      const size = link.nextSize
      if (size === 0) continue
      if (!link.maySend(size, nowMs)) resting.push(link)
      else if (this.#bucket.take(size, nowMs)) {
        link.sendNext()
        this.#waiting.add(link)
      } else {
        this.#waiting.add(link)
        this.#retry()
        break
      }
    }
    for (const link of resting) this.#waiting.add(link)
    if (resting.length > 0) this.#retry()
  }

  #retry(): void {
    this.#cancelRetry ??= this.#clock.after(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#pump()
    })
  }
}

interface PacedLinkOptions {
  readonly now: () => number
  readonly isUnlimited: boolean
  /** What this link may send. */
  readonly bucket: TokenBucket
  /** Something can be sent. */
  readonly wait: (link: PacedLink) => void
  readonly gone: (link: PacedLink) => void
}

class PacedLink implements Link {
  readonly #inner: Link
  readonly #options: PacedLinkOptions
  readonly #queue: Uint8Array[] = []
  #queued = 0
  /** The message at the head has been taken off this link's share, and waits for its part of the whole. */
  #isPaid = false
  #events: LinkEvents | undefined
  /** When it opened, or was last asked to send what somebody wants. */
  servedMs: number

  constructor(inner: Link, options: PacedLinkOptions) {
    this.#inner = inner
    this.#options = options
    this.servedMs = options.now()
  }

  get channel(): string | undefined {
    return this.#inner.channel
  }

  get buffered(): number {
    return this.#queued + this.#inner.buffered
  }

  /** Bytes of the message that the link would take now; 0 for none. */
  get nextSize(): number {
    return this.#inner.buffered < LINK_WATER ? (this.#queue[0]?.length ?? 0) : 0
  }

  /** Whether this link's own share has room for its next message. */
  maySend(size: number, nowMs: number): boolean {
    this.#isPaid ||= this.#options.bucket.take(size, nowMs)
    return this.#isPaid
  }

  send(bytes: Uint8Array): void {
    if (bytes.length >= SERVED_BYTES) this.servedMs = this.#options.now()
    this.#queue.push(bytes)
    this.#queued += bytes.length
    if (this.#queue.length > 1) return
    // What is sent in one go makes up larger messages.
    if (this.#options.isUnlimited) queueMicrotask(() => this.#sendAll())
    else this.#options.wait(this)
  }

  sendNext(): void {
    const bytes = this.#queue.shift()
    if (bytes === undefined) return
    this.#isPaid = false
    this.#queued -= bytes.length
    this.#inner.send(bytes)
  }

  #sendAll(): void {
    while (this.#queue.length > 0) {
      const message = this.#takeMessage()
      this.#queued -= message.length
      this.#inner.send(message)
    }
  }

  /** As much from the head of the queue as fits one message: a link carries a stream, wherever it is cut. */
  #takeMessage(): Uint8Array {
    const parts: Uint8Array[] = []
    let size = 0
    while (size < MAX_MESSAGE) {
      const [head] = this.#queue
      if (head === undefined) break
      const part = head.subarray(0, MAX_MESSAGE - size)
      parts.push(part)
      size += part.length
      if (part.length === head.length) this.#queue.shift()
      else this.#queue[0] = head.subarray(part.length)
    }
    const [only] = parts
    return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts, size)
  }

  listen(events: LinkEvents): void {
    this.#events = events
    this.#inner.listen({
      onMessage: (bytes) => events.onMessage(bytes),
      onDrain: () => this.#drained(),
      onClose: () => {
        this.#end()
        events.onClose()
      },
    })
  }

  close(): void {
    this.#end()
    this.#inner.close()
  }

  /** Ends it, as if the other side had. */
  giveUp(): void {
    this.close()
    this.#events?.onClose()
  }

  #drained(): void {
    if (this.#queue.length > 0 && !this.#options.isUnlimited) this.#options.wait(this)
    if (this.#options.isUnlimited || this.buffered <= LOW_WATER) this.#events?.onDrain()
  }

  #end(): void {
    this.#queue.length = 0
    this.#queued = 0
    this.#options.gone(this)
  }
}
