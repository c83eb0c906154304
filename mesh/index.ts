// The package's entry point `tributary/mesh`: `openMesh`, which each platform brings, starts a client of the mesh. Swarms alone
// are for any program that brings a clock, a transport and a store.

export { ChunkCache } from './chunk-cache.ts'
export type { Clock } from './clock.ts'
export type { DescribedFile, SwarmDescription } from './description.ts'
export type { Entrances, Invitation, Mesh, MeshOptions, OpenMesh, OpenMeshOptions } from './mesh.ts'
export { type BlockProofs, MeshNode, type MeshNodeOptions, type MeshStatus, type SwarmMembership } from './mesh-node.ts'
export { type CreatePeer, GATHER_MS, peerTransport, type StreamPeer } from './peer-transport.ts'
export type { Digest, ReadChunk, VerifyChunk } from './swarm-driver.ts'
export type { TreeHashes } from './swarm-trees.ts'
export type { Link, LinkEvents, Negotiation, Offer, OpenSocket, Transport } from './transport.ts'
