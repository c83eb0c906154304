import type { ChunkSpan } from '../protocol/geometry.ts'
import type { InfoHash } from '../protocol/units.ts'

/** What can be given up: the chunks of one record. */
export interface Evictable {
  readonly swarm: InfoHash
  readonly chunks: ChunkSpan
  /** What it takes of the store's capacity. */
  readonly bytes: number
}

/** Of what was not asked for longest, this share may be given up; within it, what most others hold goes first. */
const STALE_SHARE = 0.25

/**
 * Which records to give up, so that at least `bytes` come free: the least recently asked, but within the stalest part of
 * the store those first that are easily had again. A rare record that nobody asks for goes as well, once nothing else is
 * as stale.
 * @param stored all records, the least recently asked first
 * @param holders how many others hold the record's rarest chunk, as far as known
 */
export function chooseVictims<E extends Evictable>(
  stored: Iterable<E>,
  bytes: number,
  holders: (record: E) => number,
): readonly E[] {
  const all = [...stored]
  const stale = stalest(all, Math.max(bytes, STALE_SHARE * sizeOf(all)))
  const ranked = stale.map((record) => ({ record, holders: holders(record) }))
  ranked.sort((a, b) => (a.holders === b.holders ? 0 : b.holders - a.holders)) // stable: the stalest stay in front
  return stalest(
    ranked.map(({ record }) => record),
    bytes,
  )
}

/** As many from the front as make up `bytes`. */
function stalest<E extends Evictable>(records: readonly E[], bytes: number): E[] {
  let sum = 0
  const enough = records.findIndex((record) => {
    sum += record.bytes
    return sum >= bytes
  })
  return records.slice(0, enough < 0 ? records.length : enough + 1)
}

function sizeOf(records: readonly Evictable[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes, 0)
}
