import { Pipe } from './pipe.ts'
import type { VirtualTime } from './time.ts'

export interface LineOptions {
  /** Bytes per millisecond. */
  readonly down: number
  readonly up: number
  /** From here to the middle of the network. */
  readonly latencyMs: number
  /** Share of messages that have to be sent again. */
  readonly loss: number
  /** Behind a NAT that no other such visitor can reach. */
  readonly closed: boolean
}

/** What connects one visitor to the network. */
export class Line {
  readonly up: Pipe
  readonly down: Pipe
  readonly options: LineOptions

  constructor(time: VirtualTime, options: LineOptions) {
    this.options = options
    this.up = new Pipe(time, options.up)
    this.down = new Pipe(time, options.down)
  }
}

/** Milliseconds from one end to the other. */
export function wayMs(line: Line, other: Pick<LineOptions, 'latencyMs'>): number {
  return line.options.latencyMs + other.latencyMs
}

export function canConnect(a: Line, b: Line): boolean {
  return !(a.options.closed && b.options.closed)
}
