import type { Placement } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'

/**
 * The file that holds a chunk of a swarm, found by bisection.
 * @param files in order of their chunks, without gaps
 */
export function fileOfChunk<P extends Pick<Placement, 'firstChunk'>>(
  files: readonly P[],
  chunk: ChunkIndex,
): P | undefined {
  let low = 0
  let high = files.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((files[middle]?.firstChunk ?? 0) <= chunk) low = middle
    else high = middle
  }
  return files[low]
}
