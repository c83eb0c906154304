import { ProtocolViolation } from './errors.ts'
import { toHex } from './hex.ts'
import { MOST_INFO_VALUES } from './info.ts'
import { type InfoHash, MiB } from './units.ts'
import { decodeBencoded } from './wire/bencode.ts'

/** 52 bytes a chunk, and the names. */
export const MOST_TORRENT = 16 * MiB
/** The key of the info dictionary, and its beginning. */
const INFO = '4:infod'

/**
 * The info dictionary of a `.torrent` as it stands there; undefined when it is not that of the swarm. What comes after it
 * may be missing.
 */
export async function infoIn(torrent: Uint8Array, infoHash: InfoHash): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const at = new TextDecoder('latin1').decode(torrent).indexOf(INFO) // a byte is a character
  if (at === -1) return undefined
  const rest = torrent.subarray(at + INFO.length - 1)
  try {
    const info = rest.slice(0, decodeBencoded(rest, MOST_INFO_VALUES).length)
    return toHex(new Uint8Array(await crypto.subtle.digest('SHA-1', info))) === infoHash ? info : undefined
  } catch (error) {
    if (error instanceof ProtocolViolation) return undefined
    throw error
  }
}
