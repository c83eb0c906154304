/** Index of a chunk within its swarm. A chunk is a BitTorrent piece (BEP 3). */
export type ChunkIndex = number & { readonly unit: 'chunk' }

/** The v1 info hash of a swarm's torrent: 40 lower-case hex digits (BEP 3). */
export type InfoHash = string & { readonly format: 'info-hash' }

export const KiB = 1024
export const MiB = 1024 * KiB

/** The unit of transfer and the leaf of the hash tree (BEP 52). */
export const BLOCK_SIZE = 16 * KiB

export const MIN_CHUNK_SIZE = 32 * KiB
export const MAX_CHUNK_SIZE = 16 * MiB
