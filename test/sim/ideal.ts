import { MiB } from '../../protocol/units.ts'
import { bytesPerMs, type Group, type Media, type Scenario } from './scenario.ts'

/** What no scheme can beat, with lines that are full from the first to the last byte and nothing sent twice. */
export interface Ideal {
  /** Until the last visitor is done. */
  readonly lastedMs: number
  /** Bytes that the uplinks of the visitors cannot carry by then. */
  readonly originBytes: number
}

interface Reader {
  readonly startMs: number
  readonly down: number
  /** 0 where it does not share. */
  readonly up: number
  /** When it leaves at the earliest. */
  readonly untilMs: number
}

export function idealOf({ size, media, origin, groups }: Scenario): Ideal {
  const bytes = size * MiB
  const readers = groups.flatMap((group) => readersOf(group, bytes, media))
  const lastStartMs = Math.max(...readers.map(({ startMs }) => startMs))
  const wanted = readers.length * bytes
  const carriedBy = (ms: number) =>
    readers.reduce((sum, { up, startMs, untilMs }) => sum + up * Math.max(0, Math.min(ms, untilMs) - startMs), 0)
  const egress = bytesPerMs(origin.egress)
  let lastedMs = Math.max(bytes / egress, ...readers.map(({ startMs, down }) => startMs + bytes / down))
  if (media) lastedMs = lastStartMs + bytes / bytesPerMs(media.rate)
  // Both grow with time: a few steps of one per mille are exact enough.
  else while (egress * lastedMs + carriedBy(lastedMs) < wanted) lastedMs *= 1.001
  return { lastedMs, originBytes: Math.max(bytes, wanted - carriedBy(lastedMs)) }
}

function readersOf(group: Group, bytes: number, media: Media | undefined): Reader[] {
  const {
    role,
    count,
    down,
    up,
    sharing = true,
    fromMs = 0,
    everyMs = 0,
    leavesAfterMs = Number.POSITIVE_INFINITY,
  } = group
  if (role !== 'reader') return []
  const staysMs = bytes / bytesPerMs(media?.rate ?? down) + leavesAfterMs
  return Array.from({ length: count }, (_, i) => ({
    startMs: fromMs + i * everyMs,
    down: bytesPerMs(down),
    up: sharing ? bytesPerMs(up) : 0,
    untilMs: fromMs + i * everyMs + staysMs,
  }))
}
