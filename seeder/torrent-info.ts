import { createHash } from 'node:crypto'
import { ProtocolViolation } from '../protocol/errors.ts'
import { type InfoHash, MiB } from '../protocol/units.ts'
import { decodeBencoded } from '../protocol/wire/bencode.ts'

/** 52 bytes a chunk, and the names. */
export const MOST_TORRENT = 16 * MiB
/** The key of the info dictionary, and its beginning. */
const INFO = Buffer.from('4:infod')

/** The info dictionary of a `.torrent` as it stands there; undefined when it is not that of the swarm. */
export function infoIn(torrent: Uint8Array, infoHash: InfoHash): Uint8Array | undefined {
  const at = Buffer.from(torrent.buffer, torrent.byteOffset, torrent.byteLength).indexOf(INFO)
  if (at === -1) return undefined
  const rest = torrent.subarray(at + INFO.length - 1)
  try {
    const info = rest.slice(0, decodeBencoded(rest).length)
    return createHash('sha1').update(info).digest('hex') === infoHash ? info : undefined
  } catch (error) {
    if (error instanceof ProtocolViolation) return undefined
    throw error
  }
}
