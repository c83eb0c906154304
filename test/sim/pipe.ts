import type { VirtualTime } from './time.ts'

interface Parcel {
  readonly bytes: number
  readonly through: () => void
}

/** What goes through a pipe in order: one connection, or one answer. */
export class Flow {
  readonly parcels: Parcel[] = []
  isQueued = false
  /** Bytes that it may send in its turn, saved up where a parcel is larger (deficit round robin). */
  credit = 0
}

/** What each turn gives a flow at most. */
const TURN_BYTES = 16 * 1024
/** What a turn takes on a line that is too thin for that: what is short does not wait longer for each of the others. */
const TURN_MS = 10
/** What goes through at once on the thinnest of lines. */
const PACKET_BYTES = 1200

/** A line of a certain width that its flows share evenly, byte for byte, whatever the size of their parcels. */
export class Pipe {
  readonly #time: VirtualTime
  readonly #bytesPerMs: number
  readonly #turnBytes: number
  /** Flows with something to send, in turn. */
  readonly #ring: Flow[] = []
  #isBusy = false
  /** When the last parcel was through, off the grid of time, so that the width is exact. */
  #freeMs = 0
  /** Bytes that went through. */
  carried = 0

  constructor(time: VirtualTime, bytesPerMs: number) {
    this.#time = time
    this.#bytesPerMs = bytesPerMs
    this.#turnBytes = Math.min(TURN_BYTES, Math.max(PACKET_BYTES, bytesPerMs * TURN_MS))
  }

  send(flow: Flow, bytes: number, through: () => void): void {
    // Packets of all flows mix, which tells where a parcel takes longer than a moment.
    const most = this.#turnBytes < TURN_BYTES ? this.#turnBytes : bytes
    let left = bytes
    for (; left > most; left -= most) flow.parcels.push({ bytes: most, through: () => {} })
    flow.parcels.push({ bytes: left, through })
    if (flow.isQueued) return
    flow.isQueued = true
    this.#ring.push(flow)
    if (!this.#isBusy) this.#serve(this.#time.now())
  }

  /** What waits of a flow will not be sent. */
  drop(flow: Flow): void {
    flow.parcels.length = 0
  }

  /** @param fromMs when the next parcel can begin */
  #serve(fromMs: number): void {
    const next = this.#next()
    this.#isBusy = next !== undefined
    if (!next) return
    this.#freeMs = Math.max(this.#freeMs, fromMs) + next.bytes / this.#bytesPerMs
    this.#time.after(this.#freeMs - this.#time.now(), () => {
      this.carried += next.bytes
      next.through()
      this.#serve(this.#freeMs)
    })
  }

  #next(): Parcel | undefined {
    for (let flow = this.#ring[0]; flow; flow = this.#ring[0]) {
      const [parcel] = flow.parcels
      if (parcel && parcel.bytes <= flow.credit) {
        flow.credit -= parcel.bytes
        flow.parcels.shift()
        return parcel
      }
      this.#ring.shift()
      flow.isQueued = parcel !== undefined
      flow.credit = parcel ? flow.credit + this.#turnBytes : 0
      if (parcel) this.#ring.push(flow)
    }
    return undefined
  }
}
