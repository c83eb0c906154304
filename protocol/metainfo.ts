import { type Bencodable, type BencodeDictionary, compareBytes, writeBencode } from './bencode-writer.ts'
import { chunkCountOf } from './geometry.ts'
import { toHex } from './hex.ts'
import { HASH_LENGTH, merkleRoot, type Sha256Sync } from './merkle.ts'
import { BLOCK_SIZE } from './units.ts'

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
  const layers = new Map<Uint8Array, Bencodable>()
  const listed = new Set<string>()
  for (const [i, file] of content.files.entries()) {
    const root = roots[i]
    // Files with the same bytes share a root, and a key may occur once.
    if (!root || file.size <= content.chunkSize || listed.has(toHex(root))) continue
    listed.add(toHex(root))
    layers.set(root, file.chunkHashes)
  }
  const [first] = links.announce
  const torrent = new Map<string, Bencodable>([
    ['info', info],
    ['piece layers', layers],
  ])
  if (first !== undefined)
    torrent.set('announce', first).set(
      'announce-list',
      links.announce.map((url) => [url]),
    )
  if (links.webSeeds.length > 0) torrent.set('url-list', links.webSeeds)
  return { info: writeBencode(info), torrent: writeBencode(torrent) }
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
  const encoder = new TextEncoder()
  for (const [i, segment] of a.entries()) {
    const other = b[i]
    if (other === undefined) return 1
    const order = compareBytes(encoder.encode(segment), encoder.encode(other))
    if (order !== 0) return order
  }
  return a.length - b.length
}

function infoDictionary(content: TorrentContent, roots: readonly Uint8Array[]): BencodeDictionary {
  const { name, chunkSize, files } = content
  const [only] = files
  const single = files.length === 1 && only?.path.length === 1 && only.path[0] === name
  return new Map<string, Bencodable>([
    ['file tree', fileTree(files, roots)],
    ['meta version', 2],
    ['name', name],
    ['piece length', chunkSize],
    ['pieces', concatenate(files.map((file) => file.sha1Pieces))],
    single ? ['length', only.size] : ['files', v1Files(files, chunkSize)],
  ])
}

type MutableTree = Map<string, MutableTree | BencodeDictionary>

function fileTree(files: readonly TorrentFile[], roots: readonly Uint8Array[]): BencodeDictionary {
  const tree: MutableTree = new Map()
  for (const [i, file] of files.entries()) {
    let node = tree
    for (const segment of file.path) {
      const next: MutableTree = (node.get(segment) as MutableTree | undefined) ?? new Map()
      node.set(segment, next)
      node = next
    }
    node.set(
      '',
      new Map<string, Bencodable>([
        ['length', file.size],
        ['pieces root', roots[i] ?? new Uint8Array()],
      ]),
    )
  }
  return tree
}

/** The v1 file list, each file but the last followed by the padding up to the next chunk boundary (BEP 47). */
function v1Files(files: readonly TorrentFile[], chunkSize: number): Bencodable[] {
  return files.flatMap((file, i) => {
    const entry = new Map<string, Bencodable>([
      ['length', file.size],
      ['path', file.path],
    ])
    const padding = chunkCountOf(file.size, chunkSize) * chunkSize - file.size
    if (padding === 0 || i === files.length - 1) return [entry]
    const pad = new Map<string, Bencodable>([
      ['attr', 'p'],
      ['length', padding],
      ['path', ['.pad', String(padding)]],
    ])
    return [entry, pad]
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
