import type { Content } from './content.ts'
import type { Line } from './line.ts'
import type { SimOrigin } from './origin.ts'
import type { VirtualTime } from './time.ts'
import type { SimTracker } from './tracker.ts'
import type { Exchange } from './transport.ts'

/** What all visitors share. */
export interface World {
  readonly time: VirtualTime
  readonly random: () => number
  readonly content: Content
  readonly origin: SimOrigin
  readonly tracker: SimTracker
  readonly exchange: Exchange
}

/** Where one of them is. */
export interface Place extends World {
  readonly line: Line
  /** The file, under a host name of this visitor's own: so the origin knows who asks. */
  readonly url: string
}

export function pause(time: VirtualTime, ms: number): Promise<void> {
  return new Promise((resolve) => time.after(ms, () => resolve()))
}
