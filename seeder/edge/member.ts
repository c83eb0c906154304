import type { SwarmDriver } from '../../mesh/swarm-driver.ts'
import type { ChunkSpan } from '../../protocol/geometry.ts'
import type { SwarmManifest } from '../../protocol/manifest.ts'
import type { ChunkIndex } from '../../protocol/units.ts'

/** A swarm that trackers know us in. One that sleeps costs a few hundred bytes, and wakes when a peer comes. */
export interface Member {
  readonly swarm: SwarmManifest
  /** When it was last asked for here, on the mesh's clock. */
  askedMs: number
  /** Whether we want of others what is missing. */
  seeks: boolean
  /** When it was joined; begins anew when it wakes. */
  joinedMs: number
  /** Other peers that the tracker knows; undefined before it has answered. */
  others: number | undefined
  /** Those of them that have everything. */
  seeds: number
  waking: Promise<SwarmDriver | undefined> | undefined
  /** Bytes sent before it last slept. */
  uploadedBefore: number
  readonly refusedAt: Map<ChunkIndex, number>
  /** What is on its way from the origin. */
  loading: readonly ChunkSpan[]
}

/** One that nobody has asked for yet. */
export function newMember(swarm: SwarmManifest, nowMs: number): Member {
  return {
    swarm,
    askedMs: Number.NEGATIVE_INFINITY,
    seeks: false,
    joinedMs: nowMs,
    others: undefined,
    seeds: 0,
    waking: undefined,
    uploadedBefore: 0,
    refusedAt: new Map(),
    loading: [],
  }
}
