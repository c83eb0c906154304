import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { hexOf, type RunName } from './leveldb-files.ts'

/** What LevelDB knows of one run. The bytes are in a file beside it. */
export interface RunRecord extends RunName {
  readonly swarm: InfoHash
  readonly first: ChunkIndex
  readonly chunks: ChunkSpan
  /** Bytes of every chunk but the last. */
  readonly chunkSize: number
  readonly lastSize: number
  /** When somebody last asked for any of it: milliseconds since 1970. */
  usedMs: number
}

/** What files take more than their bytes: systems give space away in blocks of this size. */
const DISK_BLOCK = 4096

export function recordOf(swarm: InfoHash, chunks: ChunkSpan, parts: readonly Uint8Array[], usedMs: number): RunRecord {
  const chunkSize = parts[0]?.length ?? 0
  const lastSize = parts.at(-1)?.length ?? 0
  return { swarm, first: chunks.first, chunks, chunkSize, lastSize, usedMs }
}

/** Bytes of the run's chunks. */
export function lengthOf({ chunks, chunkSize, lastSize }: RunRecord): number {
  return (chunks.after - chunks.first - 1) * chunkSize + lastSize
}

/** What the run takes of the disk. */
export function footprintOf(record: RunRecord): number {
  return Math.ceil(lengthOf(record) / DISK_BLOCK) * DISK_BLOCK
}

/** Where some of the run's chunks are in its file. */
export function placeOf(record: RunRecord, { first, after }: ChunkSpan): { start: number; length: number } {
  const start = (first - record.first) * record.chunkSize
  const end = after === record.chunks.after ? lengthOf(record) : (after - record.first) * record.chunkSize
  return { start, length: end - start }
}

export const RUNS = { gt: 'run!', lt: 'run"' }

export function keyOf({ swarm, first }: RunName): string {
  return `run!${swarm}!${hexOf(first)}`
}

export function encodeRecord({ chunks, chunkSize, lastSize, usedMs }: RunRecord): Uint8Array {
  return new TextEncoder().encode([chunks.after, chunkSize, lastSize, usedMs].join(' '))
}

/** @returns undefined for what is no record of ours */
export function parseRecord(key: string, value: Uint8Array): RunRecord | undefined {
  const [, swarm = '', hex = ''] = /^run!([0-9a-f]{40})!([0-9a-f]{8})$/.exec(key) ?? []
  const [after = 0, chunkSize = 0, lastSize = 0, usedMs = 0, ...more] = new TextDecoder()
    .decode(value)
    .split(' ')
    .map((text) => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN))
  const first = Number.parseInt(hex, 16)
  const isWhole = lastSize > 0 && lastSize <= chunkSize && after > first && usedMs >= 0
  if (!isWhole || more.length > 0) return undefined
  const chunks = { first: first as ChunkIndex, after: after as ChunkIndex }
  return { swarm: swarm as InfoHash, first: chunks.first, chunks, chunkSize, lastSize, usedMs }
}
