import { chunkCountOf } from './geometry.ts'
import { HASH_LENGTH, merkleRoot, type Sha256Sync } from './merkle.ts'
import { BLOCK_SIZE } from './units.ts'
import { type Bencodable, encodeBencoded, latin1, utf8 } from './wire/bencode.ts'

// Hybrid torrents: BEP 3 (v1), BEP 47 (padding files, so that every file starts on a chunk boundary) and BEP 52 (v2) in one.

export const SHA1_LENGTH = 20

/** One file of a torrent. */
export interface TorrentFile {
  /** Path segments below the torrent's name; one segment, the same as the name, when the torrent has a single file. */
  readonly path: readonly string[]
  /** Bytes; at least 1. */
  readonly size: number
  /** The file's chunk hashes one after the other, 32 bytes each. */
  readonly chunkHashes: Uint8Array
  /** SHA-1 of the file's pieces one after the other, 20 bytes each; of all files but the last with their padding. */
  readonly sha1Pieces: Uint8Array
}

export interface TorrentContent {
  readonly name: string
  /** Bytes; the piece length. */
  readonly chunkSize: number
  /** In the order of `compareTorrentPaths`. */
  readonly files: readonly TorrentFile[]
}

export interface TorrentLinks {
  /** Absolute tracker URLs; each becomes a tier of its own (BEP 12). */
  readonly announce: readonly string[]
  /** Web seeds (BEP 19). */
  readonly webSeeds: readonly string[]
}

/** The two encodings that a swarm needs of its torrent. */
export interface Metainfo {
  /** The bencoded info dictionary: its SHA-1 is the v1 info hash, its SHA-256 the v2 one. */
  readonly info: Uint8Array<ArrayBuffer>
  /** The whole `.torrent` file. */
  readonly torrent: Uint8Array<ArrayBuffer>
}

/** Builds the hybrid torrent of a swarm. The same content gives the same info dictionary, whatever the links. */
export function buildMetainfo(content: TorrentContent, links: TorrentLinks, sha256: Sha256Sync): Metainfo {
  const roots = content.files.map((file) => piecesRoot(file.chunkHashes, content.chunkSize, sha256))
  const info = infoDictionary(content, roots)
  const layers = emptyDictionary()
  for (const [i, file] of content.files.entries()) {
    const root = roots[i]
    if (root && file.size > content.chunkSize) layers[latin1(root)] = file.chunkHashes
  }
  const [first] = links.announce
  const torrent = {
    // Each tracker in a tier of its own (BEP 12): clients try them in this order.
    ...(first !== undefined && { announce: first, 'announce-list': links.announce.map((url) => [url]) }),
    info,
    'piece layers': layers,
    ...(links.webSeeds.length > 0 && { 'url-list': links.webSeeds }),
  }
  return { info: encodeBencoded(info), torrent: encodeBencoded(torrent) }
}

/** Root over a file's chunk hashes (BEP 52): the file's identity, whatever its chunk size. */
export function piecesRoot(chunkHashes: Uint8Array, chunkSize: number, sha256: Sha256Sync): Uint8Array {
  const count = chunkHashes.length / HASH_LENGTH
  const hashes = Array.from({ length: count }, (_, i) => chunkHashes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH))
  const [only] = hashes
  if (only && count === 1) return only
  const emptyChunk = merkleRoot([], chunkSize / BLOCK_SIZE, sha256)
  return merkleRoot(hashes, 2 ** Math.ceil(Math.log2(count)), sha256, emptyChunk)
}

/** Order of files within a torrent: that of the v2 file tree, segment by segment as raw UTF-8 (BEP 52). */
export function compareTorrentPaths(a: readonly string[], b: readonly string[]): number {
  for (const [i, segment] of a.entries()) {
    const other = b[i]
    if (other === undefined) return 1
    const [left, right] = [utf8(segment), utf8(other)]
    if (left !== right) return left < right ? -1 : 1
  }
  return a.length - b.length
}

type Dictionary = Record<string, Bencodable>

/** Without a prototype, so that a file may be called `__proto__`. */
function emptyDictionary(): Dictionary {
  return Object.create(null)
}

function infoDictionary(content: TorrentContent, roots: readonly Uint8Array[]): Dictionary {
  const { name, chunkSize, files } = content
  const [only] = files
  const single = files.length === 1 && only?.path.length === 1 && only.path[0] === name
  return {
    'file tree': fileTree(files, roots),
    'meta version': 2,
    name,
    'piece length': chunkSize,
    pieces: concatenate(files.map((file) => file.sha1Pieces)),
    ...(single ? { length: only.size } : { files: v1Files(files, chunkSize) }),
  }
}

function fileTree(files: readonly TorrentFile[], roots: readonly Uint8Array[]): Dictionary {
  const tree = emptyDictionary()
  const folders = new Map<string, Dictionary>([['', tree]])
  for (const [i, file] of files.entries()) {
    const leaf = folderAt(file.path, folders)
    leaf[''] = { length: file.size, 'pieces root': roots[i] ?? new Uint8Array() }
  }
  return tree
}

/** The dictionary of a path, made with those above it where it is missing. */
function folderAt(path: readonly string[], folders: Map<string, Dictionary>): Dictionary {
  const known = folders.get(path.join('/'))
  if (known) return known
  const folder = emptyDictionary()
  folderAt(path.slice(0, -1), folders)[utf8(path.at(-1) ?? '')] = folder
  folders.set(path.join('/'), folder)
  return folder
}

/** The v1 file list, each file but the last followed by the padding up to the next chunk boundary (BEP 47). */
function v1Files(files: readonly TorrentFile[], chunkSize: number): Bencodable[] {
  return files.flatMap((file, i) => {
    const entry = { length: file.size, path: file.path }
    const padding = chunkCountOf(file.size, chunkSize) * chunkSize - file.size
    if (padding === 0 || i === files.length - 1) return [entry]
    return [entry, { attr: 'p', length: padding, path: ['.pad', String(padding)] }]
  })
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
