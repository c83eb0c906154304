import { MetadataServer } from '../mesh/metadata-server.ts'
import type { SwarmTicket } from '../protocol/bridge.ts'
import { infoIn } from '../protocol/torrent.ts'
import { KiB } from '../protocol/units.ts'

/** What stands before the info dictionary in a `.torrent`: trackers. What stands after it peers ask for as hashes. */
const HEAD_BYTES = 16 * KiB
const DEADLINE_MS = 10_000

/** Gives peers the info dictionary of a swarm, got from the site when the first of them asks; undefined where the site has none. */
export function siteMetadata({ infoHash, torrent, metadataSize }: SwarmTicket): MetadataServer | undefined {
  if (!torrent || !metadataSize) return undefined
  return new MetadataServer(metadataSize, async () => {
    const headers = { range: `bytes=0-${HEAD_BYTES + metadataSize - 1}` }
    const response = await fetch(torrent, { headers, signal: AbortSignal.timeout(DEADLINE_MS) })
    return response.ok ? infoIn(new Uint8Array(await response.arrayBuffer()), infoHash) : undefined
  })
}
