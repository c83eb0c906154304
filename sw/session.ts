import type { SwarmTicket } from '../protocol/bridge.ts'
import type { ManifestFile, MeshSettings, SwarmManifest } from '../protocol/manifest.ts'
import { urlOfPath } from '../protocol/site-path.ts'
import type { SwarmHashes } from '../supply/hashes.ts'
import type { Supply } from '../supply/supply.ts'
import type { SwarmCache } from '../supply/swarm-cache.ts'

/** A swarm that this worker has been asked for. */
export interface SwarmSession {
  readonly cache: SwarmCache
  readonly supply: Supply
  readonly hashes: SwarmHashes
  /** Files that were asked for, by this worker. */
  readonly asked: Set<ManifestFile>
}

/** What a page needs to join. Announce URLs may be paths on the site's own host: the worker makes them absolute. */
export function ticketFor(
  swarm: SwarmManifest,
  hashes: Uint8Array<ArrayBuffer>,
  mesh: MeshSettings,
  siteRoot: string,
): SwarmTicket {
  return {
    ...swarm,
    hashes: hashes.slice().buffer,
    mesh: { ...mesh, announce: mesh.announce.map((url) => trackerUrl(url, siteRoot)) },
    torrent: swarm.torrent && urlOfPath(swarm.torrent, siteRoot),
  }
}

/** A path on a host that is reached by http: or https: becomes ws: or wss:. */
function trackerUrl(announce: string, siteRoot: string): string {
  return new URL(announce, siteRoot).href.replace(/^http/, 'ws')
}
