import { MiB } from '../../protocol/units.ts'
import { idealOf } from './ideal.ts'
import type { Outcome } from './run.ts'
import type { Result } from './visitor.ts'

/** What is said of a run, and held against bounds. */
export interface Summary {
  readonly readers: number
  /** Bytes that the origin sent, as a multiple of the file, and what the uplinks would have allowed. */
  readonly origin: number
  readonly idealOrigin: number
  /** Share of all bytes that came from the origin. */
  readonly share: number
  /** Until the last was done, as a multiple of the ideal, and of the same without Tributary. */
  readonly lastedOfIdeal: number
  readonly lastedOfPlain: number
  /** The reader that lost most, as a multiple of its own time without Tributary. */
  readonly worstOfPlain: number
  readonly medianMs: number
  readonly firstByteMs: number
  readonly longestGapMs: number
  readonly startUpMs: number
  readonly stalls: number
  readonly stalledMs: number
  readonly plainStalls: number
  readonly seekMs: number
  /** Jain's index over what those who share have sent: 1 when all sent the same. */
  readonly fairness: number
  readonly uploaded: number
  readonly requests: number
  readonly mostMemory: number
}

export function summarise(run: Outcome, plain: Outcome): Summary {
  const { scenario } = run
  const readers = readersOf(run)
  const alone = readersOf(plain)
  const ideal = idealOf(scenario)
  const size = scenario.size * MiB
  const sharers = readers.filter(({ group }) => group.sharing !== false)
  const ends = (results: readonly Result[]) => results.map(({ startMs, doneMs }) => startMs + (doneMs ?? Number.NaN))
  return {
    readers: readers.length,
    origin: run.originBytes / size,
    idealOrigin: ideal.originBytes / size,
    share: run.originBytes / (size * readers.length),
    lastedOfIdeal: Math.max(...ends(readers)) / ideal.lastedMs,
    lastedOfPlain: Math.max(...ends(readers)) / Math.max(...ends(alone)),
    worstOfPlain: Math.max(
      ...readers.map(({ doneMs }, i) => (doneMs ?? Number.NaN) / (alone[i]?.doneMs ?? Number.NaN)),
    ),
    medianMs: quantile(
      readers.map(({ doneMs }) => doneMs ?? Number.NaN),
      0.5,
    ),
    firstByteMs: quantile(
      readers.map(({ firstByteMs }) => firstByteMs ?? Number.NaN),
      0.5,
    ),
    longestGapMs: Math.max(...readers.map(({ longestGapMs }) => longestGapMs)),
    startUpMs: quantile(
      readers.map(({ startUpMs }) => startUpMs ?? 0),
      0.5,
    ),
    stalls: sum(readers.map(({ stalls }) => stalls)),
    stalledMs: sum(readers.map(({ stalledMs }) => stalledMs)),
    plainStalls: sum(alone.map(({ stalls }) => stalls)),
    seekMs: quantile(
      readers.flatMap(({ seekMs }) => seekMs),
      0.5,
    ),
    fairness: jain(sharers.map(({ uploaded }) => uploaded)),
    uploaded: sum(readers.map(({ uploaded }) => uploaded)) / size,
    requests: run.requests,
    mostMemory: Math.max(...readers.map(({ mostBytes }) => mostBytes)) / MiB,
  }
}

function readersOf({ visitors }: Outcome): Result[] {
  return visitors.filter(({ group }) => group.role === 'reader')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0
}

function jain(values: readonly number[]): number {
  const squares = sum(values.map((value) => value * value))
  return squares === 0 ? 1 : sum(values) ** 2 / (values.length * squares)
}
