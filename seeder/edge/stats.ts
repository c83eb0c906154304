import type { InfoHash } from '../../protocol/units.ts'
import type { DiskStore } from '../../store/leveldb.ts'
import type { Catalogue } from './catalogue.ts'
import type { EdgeMesh } from './edge-mesh.ts'
import type { EdgeBytes } from './edge-swarm.ts'
import type { FrontCounts } from './front.ts'
import type { Library } from './library.ts'

export interface EdgeSwarmStats {
  readonly infoHash: InfoHash
  /** Bytes that came in, by whence, and that the store spared. */
  readonly bytes: EdgeBytes
  /** Bytes sent to peers. */
  readonly uploaded: number
}

export interface EdgeStats {
  /** Swarms in which anything has happened. */
  readonly swarms: readonly EdgeSwarmStats[]
  /** Swarms of the manifest. */
  readonly listed: number
  /** Swarms that take part in the mesh. */
  readonly joined: number
  readonly awake: number
  readonly peers: number
  /** Clients of the DHT that it is linked with. */
  readonly dhtLinks: number
  readonly uploaded: number
  readonly banned: number
  /** Whether each tracker is connected. */
  readonly trackers: ReadonlyMap<string, boolean>
  readonly http: FrontCounts & { readonly connections: number }
  readonly readers: number
  readonly store: {
    readonly used: number
    readonly capacity: number
    readonly evictedRuns: number
    readonly evictedBytes: number
    readonly spoilt: number
    /** Bytes that wait to be written. */
    readonly pending: number
    readonly openFiles: number
  }
  /** Bytes that wait to be sent to peers. */
  readonly sending: number
}

export interface StatsSources {
  readonly catalogue: Catalogue
  readonly disk: DiskStore
  readonly capacity: number
  readonly library: Library
  readonly mesh: EdgeMesh | undefined
  readonly http: FrontCounts
  readonly connections: number
}

const NO_BYTES: EdgeBytes = { origin: 0, peers: 0, cache: 0 }

export function statsOf({ catalogue, disk, capacity, library, mesh, http, connections }: StatsSources): EdgeStats {
  const { bytes, evicted } = library
  const joined = mesh?.infoHashes ?? []
  const swarms = [...new Set([...bytes.keys(), ...joined])].map((infoHash) => ({
    infoHash,
    bytes: bytes.get(infoHash) ?? NO_BYTES,
    uploaded: mesh?.uploadedIn(infoHash) ?? 0,
  }))
  return {
    swarms,
    listed: catalogue.manifest.swarms.length,
    joined: joined.length,
    awake: joined.filter((infoHash) => mesh?.isAwake(infoHash)).length,
    peers: joined.reduce((sum, infoHash) => sum + (mesh?.peersIn(infoHash) ?? 0), 0),
    dhtLinks: mesh?.dhtLinks ?? 0,
    uploaded: mesh?.uploaded ?? 0,
    banned: mesh?.banned ?? 0,
    trackers: mesh?.trackers ?? new Map(),
    http: { ...http, connections },
    readers: library.readers,
    store: {
      used: disk.used,
      capacity,
      evictedRuns: evicted.runs,
      evictedBytes: evicted.bytes,
      spoilt: library.spoilt,
      pending: library.pendingBytes,
      openFiles: disk.openFiles,
    },
    sending: mesh?.buffered ?? 0,
  }
}
