import type { MeshPeers } from '../../supply/peers.ts'

/** The mesh of an edge that has none: the origin brings everything. */
export const NO_PEERS: MeshPeers = {
  status: () => undefined,
  sinceJoinMs: () => 0,
  fetchChunk: async () => undefined,
  cancelChunk: () => undefined,
  loading: () => undefined,
  refused: () => undefined,
  wasRefused: () => false,
  change: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}
