// What is told of how a file's chunks are delivered: where they came from, who could bring more, why nobody of ours does.

/** Where a chunk came from, as a number that fits a byte. */
export const CHUNK_SOURCES = ['none', 'cache', 'peers', 'origin'] as const
export type ChunkSource = (typeof CHUNK_SOURCES)[number]

export interface FileChunks {
  readonly path: string
  readonly chunkSize: number
  readonly sources: Uint8Array
}

export interface SwarmStatus {
  /** `joining`: the tracker has not answered and no peer is connected. `down`: no tracker can be reached, or the mesh is off. */
  readonly phase: 'joining' | 'up' | 'down'
  /** Connected peers. */
  readonly peers: number
  /** Bitfield in wire order (BEP 3: high bit first): chunks that at least one connected peer would send us. */
  readonly available: Uint8Array
  /** Bitfield likewise: chunks that connected peers are fetching from the origin, by their own word. */
  readonly loading: Uint8Array
  /** Peers that are known of and not connected yet, as far as there is room for them. */
  readonly expected: number
  /** Bytes sent to peers in this swarm since the page was opened. */
  readonly uploaded: number
}

const NOTHING = new Uint8Array(0)

/** A swarm that was entered this moment. */
export const JOINING: SwarmStatus = {
  phase: 'joining',
  peers: 0,
  available: NOTHING,
  loading: NOTHING,
  expected: 0,
  uploaded: 0,
}

/** A swarm that cannot be entered. */
export const DOWN: SwarmStatus = { ...JOINING, phase: 'down' }

export type FallbackReason = 'file-changed' | 'encoded' | 'wrong-length' | 'store-failed' | 'manifest-broken' | 'error'
