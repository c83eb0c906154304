import { KiB } from '../../protocol/units.ts'

/** A gap up to this long is our own lateness on a busy machine: a real line would have sent on, so it is made up for. */
const LATENESS_MS = 250
/** After a longer gap the line was idle, and idle time is lost but for this: about what a router's queue holds. */
const BURST_MS = 20
/** A turn lasts about this long, so that many responses flow side by side. */
const TURN_MS = 4
const MIN_TURN = 1 * KiB
const MAX_TURN = 64 * KiB

/**
 * When a line of a given rate is free again. Pure: the clock is an argument.
 * Over any stretch of time no more passes than the rate, one lateness and one turn allow.
 */
export class LineClock {
  #freeAtMs = Number.NEGATIVE_INFINITY

  /** Milliseconds until the next bytes may start. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#freeAtMs - nowMs)
  }

  /** Counts bytes as sent. @param rate bytes per second */
  send(bytes: number, rate: number, nowMs: number): void {
    const startMs = nowMs - this.#freeAtMs <= LATENESS_MS ? this.#freeAtMs : nowMs - BURST_MS
    this.#freeAtMs = startMs + (1000 * bytes) / rate
  }

  reset(): void {
    this.#freeAtMs = Number.NEGATIVE_INFINITY
  }
}

interface Turn {
  readonly wanted: number
  readonly grant: (bytes: number) => void
}

/**
 * The origin's uplink, shared by all responses. A response asks for a turn before each write and queues again after it,
 * so that responses take turns and each gets the same share.
 */
export class Egress {
  readonly #clock = new LineClock()
  readonly #queue: Turn[] = []
  #rate: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param rate bytes per second; undefined: unlimited */
  constructor(rate?: number) {
    this.#rate = rate
  }

  get rate(): number | undefined {
    return this.#rate
  }

  set rate(rate: number | undefined) {
    this.#rate = rate
    this.#clock.reset()
    this.#run()
  }

  /** Resolves with how many of the wanted bytes may be written now: at least one, at most one turn's worth. */
  turn(wanted: number, signal: AbortSignal): Promise<number> {
    if (this.#rate === undefined) return Promise.resolve(wanted)
    return new Promise((resolve, reject) => {
      const turn = { wanted, grant }
      const leave = () => {
        const place = this.#queue.indexOf(turn)
        if (place !== -1) this.#queue.splice(place, 1)
        reject(signal.reason)
      }
      function grant(bytes: number): void {
        signal.removeEventListener('abort', leave)
        resolve(bytes)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.push(turn)
      this.#run()
    })
  }

  /** Gives turns until the line is busy, then again when it is free. */
  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#queue.length > 0) {
      const nowMs = performance.now()
      const waitMs = this.#rate === undefined ? 0 : this.#clock.waitMs(nowMs)
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#run(), waitMs)
        return
      }
      this.#give(nowMs)
    }
  }

  #give(nowMs: number): void {
    const turn = this.#queue.shift()
    if (!turn) return
    const bytes = this.#rate === undefined ? turn.wanted : Math.min(turn.wanted, turnSize(this.#rate))
    if (this.#rate !== undefined) this.#clock.send(bytes, this.#rate, nowMs)
    turn.grant(bytes)
  }
}

function turnSize(rate: number): number {
  return Math.floor(Math.min(MAX_TURN, Math.max(MIN_TURN, (rate * TURN_MS) / 1000)))
}
