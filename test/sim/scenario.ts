import type { OriginFault } from './origin.ts'

/** Who comes, in order. */
export interface Group {
  readonly count: number
  /**
   * `reader`: a visitor. `liar`: holds all, and sends wrong bytes. `dead`: holds all, and sends nothing. `holder`: holds all,
   * and sends it. None but readers read, and these three are there from the start.
   */
  readonly role: 'reader' | 'liar' | 'dead' | 'holder'
  /** Mbit/s. */
  readonly down: number
  readonly up: number
  /** Milliseconds from the visitor to the middle of the network: from, to. */
  readonly latencyMs: readonly [number, number]
  readonly loss?: number
  /** Share of visitors behind a NAT that others of the kind cannot reach. */
  readonly closed?: number
  readonly sharing?: boolean
  /** Milliseconds between the starts of two of them, and of the first. */
  readonly everyMs?: number
  readonly fromMs?: number
  /** Closes its page so long after it has the file. */
  readonly leavesAfterMs?: number
  /** When nothing more is heard of it, for its tab is gone. */
  readonly vanishesAtMs?: number
  /** Leaves in the middle, this long after its start, and comes back later with what it stored. */
  readonly away?: { readonly afterMs: number; readonly forMs: number }
}

export interface Media {
  /** Mbit/s. */
  readonly rate: number
  readonly targetMs: number
  /** Each player goes to a random place after each of these times, or all of them to the same: a share of the film. */
  readonly seeksAtMs?: readonly number[]
  readonly seeksTo?: number
}

/** The most that a run may come to, whatever its seed; see summary.ts for what each means. */
export interface Bounds {
  readonly origin: number
  readonly worstOfPlain: number
  readonly stalledMs?: number
}

export interface Scenario {
  readonly name: string
  /** MiB. */
  readonly size: number
  /** KiB. */
  readonly chunk: number
  /** Undefined: downloads. */
  readonly media?: Media
  readonly origin: {
    /** Mbit/s. */
    readonly egress: number
    readonly latencyMs?: number
    readonly thinkMs?: number
    readonly fault?: (request: number, nowMs: number) => OriginFault | undefined
  }
  readonly groups: readonly Group[]
  /** What the tests hold it to. */
  readonly bounds?: Bounds
  /** KiB that take their turn at the origin: large for crowds of hundreds, so that they are simulated in time. */
  readonly quantum?: number
}

export function bytesPerMs(megabits: number): number {
  return megabits * 125
}
