/// <reference path="./create-torrent.d.ts" />
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import createTorrent from 'create-torrent'

export interface TorrentPlan {
  readonly dir: string
  /** Name of the file below `dir`. */
  readonly file: string
  /** Name to write the torrent under. */
  readonly torrent: string
  /** URL of the server that serves `dir`, with the tracker at `/announce`; ends in `/`. */
  readonly origin: string
  /** Bytes; as WebTorrent chooses it when absent. */
  readonly pieceLength?: number
}

/** Writes a torrent of a file as WebTorrent's own tool would, with the site's server as web seed. */
export async function writeTorrent({ dir, file, torrent, origin, pieceLength }: TorrentPlan): Promise<void> {
  const options = {
    announceList: [[`${origin.replace(/^http/, 'ws')}announce`]],
    urlList: [`${origin}${file}`],
    ...(pieceLength !== undefined && { pieceLength }),
  }
  const bytes = await new Promise<Uint8Array>((resolve, reject) => {
    createTorrent(join(dir, file), options, (error, made) => (error ? reject(error) : resolve(made)))
  })
  await writeFile(join(dir, torrent), bytes)
}
