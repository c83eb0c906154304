import type { Clock } from '../mesh/clock.ts'
import { TokenBucket } from '../mesh/token-bucket.ts'
import type { Link, LinkEvents } from '../mesh/transport.ts'
import { KiB } from '../protocol/units.ts'

/** How soon the waiting links are looked at again when the rate is used up. */
const RETRY_MS = 20
/** Handed to a link at most; what it cannot send keeps nobody else waiting. More than simple-peer holds back. */
const LINK_WATER = 128 * KiB
/** Below this, whoever fills the link is told to go on. */
const LOW_WATER = 128 * KiB

/** One cap over all links of all swarms. Links that have something to send take turns, message by message. */
export class UploadPacer {
  readonly #clock: Clock
  readonly #bucket: TokenBucket
  readonly #links = new Set<PacedLink>()
  /** Links with a queue, in the order of their turns. */
  readonly #waiting = new Set<PacedLink>()
  readonly #isUnlimited: boolean
  #cancelRetry: (() => void) | undefined
  #isPumping = false

  /** @param bytesPerSecond Infinity for no cap */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock
    this.#bucket = new TokenBucket(bytesPerSecond, clock.now())
    this.#isUnlimited = bytesPerSecond === Number.POSITIVE_INFINITY
  }

  /** Open links. */
  get links(): number {
    return this.#links.size
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
      isUnlimited: this.#isUnlimited,
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
    for (const link of this.#waiting) {
      // A link that is full comes back by itself when it has drained.
      this.#waiting.delete(link)
      const size = link.nextSize
      if (size === 0) continue
      if (!this.#bucket.take(size, nowMs)) {
        this.#waiting.add(link)
        this.#cancelRetry = this.#clock.after(RETRY_MS, () => {
          this.#cancelRetry = undefined
          this.#pump()
        })
        return
      }
      link.sendNext()
      this.#waiting.add(link)
    }
  }
}

interface PacedLinkOptions {
  readonly isUnlimited: boolean
  /** Something can be sent. */
  readonly wait: (link: PacedLink) => void
  readonly gone: (link: PacedLink) => void
}

class PacedLink implements Link {
  readonly #inner: Link
  readonly #options: PacedLinkOptions
  readonly #queue: Uint8Array[] = []
  #queued = 0
  #events: LinkEvents | undefined

  constructor(inner: Link, options: PacedLinkOptions) {
    this.#inner = inner
    this.#options = options
  }

  get buffered(): number {
    return this.#queued + this.#inner.buffered
  }

  /** Bytes of the message that the link would take now; 0 for none. */
  get nextSize(): number {
    return this.#inner.buffered < LINK_WATER ? (this.#queue[0]?.length ?? 0) : 0
  }

  send(bytes: Uint8Array): void {
    if (this.#options.isUnlimited) {
      this.#inner.send(bytes)
      return
    }
    this.#queue.push(bytes)
    this.#queued += bytes.length
    if (this.#queue.length === 1) this.#options.wait(this)
  }

  sendNext(): void {
    const bytes = this.#queue.shift()
    if (bytes === undefined) return
    this.#queued -= bytes.length
    this.#inner.send(bytes)
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

  #drained(): void {
    if (this.#queue.length > 0) this.#options.wait(this)
    if (this.#options.isUnlimited || this.buffered <= LOW_WATER) this.#events?.onDrain()
  }

  #end(): void {
    this.#queue.length = 0
    this.#queued = 0
    this.#options.gone(this)
  }
}
