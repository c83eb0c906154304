import { compareDistance, type Id, sharedBits } from '../../../mesh/dht/id.ts'
import type { Random } from './random.ts'

/** Closest nodes with whom everybody is linked. */
const NEAREST = 3
/** Tries to find somebody in a bucket who has room. */
const TRIES = 4

/** From the first index to before the last one, of ids in order. */
type Range = readonly [first: number, after: number]

interface Linking {
  readonly wanted: number
  readonly pairs: [number, number][]
  readonly others: readonly Set<number>[]
}

/**
 * The links that nodes come to in the end: everybody has its closest nodes, and about as many in each of its buckets, for
 * networks too large to let all nodes join one after the other.
 * @param links that each node wants @returns pairs of indices
 */
export function convergedLinks(
  ids: readonly Id[],
  links: number,
  random: Random,
): readonly (readonly [number, number])[] {
  const order = ids.map((_, i) => i).sort((a, b) => ((ids[a] ?? '') < (ids[b] ?? '') ? -1 : 1))
  const sorted = order.map((i) => ids[i] as Id)
  const linking: Linking = { wanted: links - 1, pairs: [], others: sorted.map(() => new Set<number>()) }
  const buckets = sorted.map((_, i) => bucketsOf(sorted, i))
  for (const i of sorted.keys()) for (const other of nearestOf(sorted, i, buckets[i] ?? [])) link(linking, i, other)
  const depth = Math.max(1, Math.round(Math.log2(ids.length)) - 2)
  for (let round = 0; round < links; round++)
    for (const i of sorted.keys())
      linkIntoEmptiest(linking, i, { sorted, buckets: (buckets[i] ?? []).slice(0, depth), random })
  return linking.pairs.map(([a, b]) => [order[a] ?? 0, order[b] ?? 0])
}

/** Where the nodes of each bucket of one node lie. */
function bucketsOf(sorted: readonly Id[], at: number): Range[] {
  const buckets: Range[] = []
  let [first, after] = [0, sorted.length]
  for (let bit = 0; after - first > 1; bit++) {
    const middle = firstWithBit(sorted, bit, [first, after])
    buckets.push(at < middle ? [middle, after] : [first, middle])
    if (at < middle) after = middle
    else first = middle
  }
  return buckets
}

/** All of the range share the bits before this one. */
function firstWithBit(sorted: readonly Id[], bit: number, [first, after]: Range): number {
  let [low, high] = [first, after]
  while (low < high) {
    const middle = (low + high) >> 1
    const digit = Number.parseInt(sorted[middle]?.[bit >> 2] ?? '0', 16)
    if ((digit >> (3 - (bit & 3))) & 1) high = middle
    else low = middle + 1
  }
  return low
}

function nearestOf(sorted: readonly Id[], at: number, buckets: readonly Range[]): number[] {
  const near: number[] = []
  for (const [first, after] of [...buckets].reverse()) {
    for (let i = first; i < after; i++) near.push(i)
    if (near.length >= NEAREST) break
  }
  const own = sorted[at] as Id
  return near.sort((a, b) => compareDistance(own, sorted[a] as Id, sorted[b] as Id)).slice(0, NEAREST)
}

function linkIntoEmptiest(
  linking: Linking,
  at: number,
  { sorted, buckets, random }: { sorted: readonly Id[]; buckets: readonly Range[]; random: Random },
): void {
  const others = linking.others[at]
  if (others === undefined || others.size >= linking.wanted) return
  const counts = buckets.map(() => 0)
  for (const other of others) {
    const bucket = sharedBits(sorted[at] as Id, sorted[other] as Id)
    if (bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  const fewest = Math.min(...counts)
  const [first, after] = random.pick(buckets.filter((_, bucket) => counts[bucket] === fewest))
  for (let i = 0; i < TRIES && after > first; i++) {
    const other = first + random.below(after - first)
    if ((linking.others[other]?.size ?? 0) > linking.wanted || others.has(other)) continue
    link(linking, at, other)
    return
  }
}

function link({ pairs, others }: Linking, a: number, b: number): void {
  if (a === b || others[a]?.has(b)) return
  others[a]?.add(b)
  others[b]?.add(a)
  pairs.push([a, b])
}
