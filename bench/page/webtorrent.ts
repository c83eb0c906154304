// A visitor that uses WebTorrent.

import MemoryChunkStore from 'memory-chunk-store'
// The package's own bundle for browsers, as a site would use it.
import WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import type { Download, TorrentOptions } from '../lib/commands.ts'
import { obey } from './agent.ts'

const POLL_MS = 10

void obey({ torrent, ready: async () => {} })

/** Downloads a torrent with its web seed and its peers. The first byte is there with the first whole piece. */
async function torrent({ torrent: url, tuned }: TorrentOptions): Promise<Download> {
  const begun = performance.now()
  const metainfo = new Uint8Array(await (await fetch(url)).arrayBuffer())
  const client = new WebTorrent()
  let firstByteMs = 0
  const bytes = await new Promise<number>((resolve, reject) => {
    client.on('error', reject)
    const options = tuned ? { strategy: 'rarest', store: MemoryChunkStore } : {}
    const added = client.add(metainfo, options)
    // Verified pieces are bits; there is no event for a single one.
    const poll = setInterval(() => {
      if (firstByteMs === 0 && added.bitfield?.get(0)) firstByteMs = performance.now() - begun
      if (!added.done) return
      clearInterval(poll)
      resolve(added.length)
    }, POLL_MS)
  })
  return { bytes, firstByteMs, totalMs: performance.now() - begun }
}
