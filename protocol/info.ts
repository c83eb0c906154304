import { ProtocolViolation } from './errors.ts'
import { isChunkSize } from './geometry.ts'
import { HASH_LENGTH } from './merkle.ts'
import { type Bencoded, type BencodedDict, decodeBencoded, isDict } from './wire/bencode.ts'

/** What a swarm's info dictionary says about its content (BEP 52). */
export interface TorrentInfo {
  readonly chunkSize: number
  /** In the order of their chunks; none is empty. */
  readonly files: readonly InfoFile[]
}

export interface InfoFile {
  readonly path: string
  readonly size: number
  /** Root of the file's hash tree: with one chunk, its hash. */
  readonly piecesRoot: Uint8Array
}

const MAX_DEPTH = 8
/** Some 13 for each file of a bundle: more than anybody puts into one. */
export const MOST_INFO_VALUES = 2 ** 20

/** @throws ProtocolViolation for what is no info dictionary of a v2 or hybrid torrent with our chunk sizes */
export function parseInfo(info: Uint8Array): TorrentInfo {
  const { value, length } = decodeBencoded(info, MOST_INFO_VALUES)
  const dict = isDict(value) && length === info.length ? value : {}
  const chunkSize = dict['piece length']
  if (typeof chunkSize !== 'number' || !isChunkSize(chunkSize)) throw new ProtocolViolation('no length of chunks')
  const files = filesIn(dict['file tree'], [])
  if (files.length === 0) throw new ProtocolViolation('no files with v2 hashes')
  return { chunkSize, files }
}

/** Names in order of their bytes, which is the order of the chunks. */
function filesIn(tree: Bencoded | undefined, above: readonly string[]): InfoFile[] {
  if (!isDict(tree) || above.length > MAX_DEPTH) throw new ProtocolViolation('no tree of files')
  return Object.keys(tree)
    .sort()
    .flatMap((key) => {
      const below = tree[key]
      return key === '' ? fileOf(below, above) : filesIn(below, [...above, nameOf(key)])
    })
}

function fileOf(value: Bencoded | undefined, path: readonly string[]): InfoFile[] {
  const file: BencodedDict = isDict(value) ? value : {}
  const { length: size, 'pieces root': piecesRoot } = file
  if (size === 0) return []
  if (typeof size !== 'number' || size < 0 || !(piecesRoot instanceof Uint8Array) || piecesRoot.length !== HASH_LENGTH)
    throw new ProtocolViolation('no file with a hash')
  return [{ path: path.join('/'), size, piecesRoot }]
}

/** @param key UTF-8, a byte a character */
function nameOf(key: string): string {
  try {
    return decodeURIComponent(key.replace(/[\s\S]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`))
  } catch (cause) {
    throw new ProtocolViolation('a name that is no UTF-8', { cause })
  }
}
