import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'

export interface Field {
  /** Where to look. */
  readonly chunks: ChunkSpan
  /** Whether nobody here has the chunk or brings it. */
  readonly isFree: (chunk: ChunkIndex) => boolean
  /** Whether a peer has the chunk, or is fetching it from the origin itself. */
  readonly isTheirs: (chunk: ChunkIndex) => boolean
  /** Most chunks to take. */
  readonly most: number
  /** The chunk after the last stretch that was taken. */
  readonly next: ChunkIndex | undefined
  readonly peers: number
  /** From 0 to less than 1. */
  readonly random: () => number
  /** Whether a chunk that peers have is worth fetching, too, for want of others. */
  readonly isSpare: (chunk: ChunkIndex) => boolean
}

/**
 * What to fetch from the origin while others do the same: chunks that no peer has or fetches. About one of the crowd
 * takes the first, which all of them read next; the others go on where they left off, or begin anywhere, so that a crowd
 * that starts together soon fetches different parts.
 */
export function pickStretch(field: Field): ChunkSpan | undefined {
  const { chunks, isFree, isTheirs, next, peers, random } = field
  const isOpen = (chunk: number) => isFree(chunk as ChunkIndex) && !isTheirs(chunk as ChunkIndex)
  const open: number[] = []
  for (let chunk: number = chunks.first; chunk < chunks.after; chunk++) if (isOpen(chunk)) open.push(chunk)
  if (open.length === 0) return firstSpare(field)
  if (random() * (peers + 1) < 1) return stretchFrom(open[0] ?? chunks.first, field, isOpen)
  // Who fetches the same as another would go on doing so, as neither hears of the other's next stretch in time.
  const goesOn = next !== undefined && open.includes(next) && !isTheirs((next - 1) as ChunkIndex)
  const from = goesOn ? next : open[Math.floor(random() * open.length)]
  return stretchFrom(from ?? chunks.first, field, isOpen)
}

function firstSpare(field: Field): ChunkSpan | undefined {
  const isSpare = (chunk: number) => field.isSpare(chunk as ChunkIndex)
  let first: number = field.chunks.first
  while (first < field.chunks.after && !isSpare(first)) first++
  return first < field.chunks.after ? stretchFrom(first, field, isSpare) : undefined
}

/** Around `from`, onwards as far as it may, then back. */
function stretchFrom(from: number, { chunks, most }: Field, isGood: (chunk: number) => boolean): ChunkSpan {
  let first = from
  let after = from + 1
  while (after - first < most && after < chunks.after && isGood(after)) after++
  while (after - first < most && first > chunks.first && isGood(first - 1)) first--
  return { first: first as ChunkIndex, after: after as ChunkIndex }
}
