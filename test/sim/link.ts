import type { Link, LinkEvents } from '../../mesh/transport.ts'
import { type Line, wayMs } from './line.ts'
import { Flow } from './pipe.ts'
import type { VirtualTime } from './time.ts'

/** As mesh/peer-transport.ts has it: below this, the sender is told to go on. */
const LOW_WATER = 128 * 1024
/** Bytes around each message: the headers of IP, UDP, DTLS and SCTP, once a packet of 1200. */
const overheadOf = (bytes: number) => 60 + Math.floor(bytes / 1200) * 90

/** Sees and may change what one end sends; undefined swallows it. */
export type Tap = (bytes: Uint8Array) => Uint8Array | undefined

/** One end of a connection between two visitors: out through the uplink, over the network, in through the downlink. */
export class SimLink implements Link {
  buffered = 0
  /** The most that was ever buffered. */
  mostBuffered = 0
  readonly #time: VirtualTime
  readonly #line: Line
  readonly #random: () => number
  readonly #out = new Flow()
  readonly #in = new Flow()
  readonly #tap: Tap | undefined
  #other: SimLink | undefined
  #events: LinkEvents | undefined
  #early: Uint8Array[] = []
  #isOpen = true
  #arrivesMs = 0

  constructor(options: { time: VirtualTime; line: Line; random: () => number; tap: Tap | undefined }) {
    this.#time = options.time
    this.#line = options.line
    this.#random = options.random
    this.#tap = options.tap
  }

  static pair(a: SimLink, b: SimLink): void {
    a.#other = b
    b.#other = a
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    const sent = this.#tap ? this.#tap(bytes) : bytes
    if (sent === undefined) return
    this.buffered += sent.length
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered)
    this.#line.up.send(this.#out, sent.length + overheadOf(sent.length), () => this.#left(sent))
  }

  close(): void {
    if (!this.#isOpen) return
    this.#shut()
    const other = this.#other
    if (other) this.#time.after(this.#delayMs(), () => other.#lost())
  }

  listen(events: LinkEvents): void {
    this.#events = events
    for (const bytes of this.#early.splice(0)) events.onMessage(bytes)
    if (!this.#isOpen) events.onClose()
  }

  #left(sent: Uint8Array): void {
    this.buffered -= sent.length
    const arrivesMs = this.#time.now() + this.#delayMs() * (this.#random() < this.#line.options.loss ? 3 : 1)
    // In order: what is sent again holds up what comes after it.
    this.#arrivesMs = Math.max(this.#arrivesMs, arrivesMs)
    const other = this.#other
    if (other) this.#time.after(this.#arrivesMs - this.#time.now(), () => other.#arrive(sent))
    if (this.#isOpen && this.buffered <= LOW_WATER) this.#events?.onDrain()
  }

  #arrive(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    this.#line.down.send(this.#in, bytes.length + overheadOf(bytes.length), () => this.#deliver(bytes))
  }

  #deliver(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    if (this.#events) this.#events.onMessage(bytes)
    else this.#early.push(bytes)
  }

  #lost(): void {
    if (!this.#isOpen) return
    this.#shut()
    this.#events?.onClose()
  }

  #shut(): void {
    this.#isOpen = false
    this.buffered = 0
    this.#line.up.drop(this.#out)
    this.#line.down.drop(this.#in)
  }

  #delayMs(): number {
    return this.#other ? wayMs(this.#line, this.#other.#line.options) : 0
  }
}
