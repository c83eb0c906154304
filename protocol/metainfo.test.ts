import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { chunkCountOf } from './geometry.ts'
import { fromHex, toHex } from './hex.ts'
import { blocksOf, leafWidth, merkleRoot } from './merkle.ts'
import { buildMetainfo, compareTorrentPaths, piecesRoot, type TorrentContent } from './metainfo.ts'
import { decodeBencoded, isDict } from './wire/bencode.ts'

interface VectorFile {
  path: string[]
  size: number
  seed: number
  piecesRoot: string
  chunkHashes: string[]
}
interface Vector {
  title: string
  name: string
  chunkSize: number
  files: VectorFile[]
  sha1Pieces: string[]
  infoHash: string
  infoHashV2: string
}
const { torrents }: { torrents: Vector[] } = JSON.parse(
  readFileSync(new URL('../test/vectors/metainfo.json', import.meta.url), 'utf8'),
)

const digest = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest()
const sha256 = (bytes: Uint8Array) => digest('sha256', bytes)
const none = { announce: [], webSeeds: [] }

function contentOf(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => 7 * i + 13 * (i >> 8) + 29 * (i >> 16) + 31 * seed)
}

function chunkHashesOf(bytes: Uint8Array, chunkSize: number): Uint8Array {
  const chunks = Array.from({ length: chunkCountOf(bytes.length, chunkSize) }, (_, i) =>
    bytes.subarray(i * chunkSize, (i + 1) * chunkSize),
  )
  const width = leafWidth(bytes.length, chunkSize)
  return Buffer.concat(chunks.map((chunk) => merkleRoot(blocksOf(chunk).map(sha256), width, sha256)))
}

/** The content of a vector, its SHA-1 pieces dealt out to the files that they belong to. */
function torrentOf(vector: Vector): TorrentContent {
  let piece = 0
  const files = vector.files.map(({ path, size, seed }) => {
    const count = chunkCountOf(size, vector.chunkSize)
    const sha1Pieces = fromHex(vector.sha1Pieces.slice(piece, piece + count).join(''))
    piece += count
    return { path, size, chunkHashes: chunkHashesOf(contentOf(size, seed), vector.chunkSize), sha1Pieces }
  })
  return { name: vector.name, chunkSize: vector.chunkSize, files }
}

for (const vector of torrents) {
  test(`vector: ${vector.title}`, () => {
    const torrent = torrentOf(vector)
    for (const [i, file] of torrent.files.entries()) {
      assert.equal(toHex(file.chunkHashes), vector.files[i]?.chunkHashes.join(''))
      assert.equal(toHex(piecesRoot(file.chunkHashes, vector.chunkSize, sha256)), vector.files[i]?.piecesRoot)
    }
    const { info } = buildMetainfo(torrent, none, sha256)
    assert.equal(toHex(digest('sha1', info)), vector.infoHash)
    assert.equal(toHex(sha256(info)), vector.infoHashV2)
  })
}

test("a file's root does not depend on the chunk size", () => {
  const bytes = contentOf(300_000, 3)
  const roots = [32, 64, 128, 512].map((kib) => toHex(piecesRoot(chunkHashesOf(bytes, kib * 1024), kib * 1024, sha256)))
  assert.deepEqual(new Set(roots).size, 1)
})

test('links stand outside of the info dictionary', () => {
  const [vector] = torrents
  assert.ok(vector)
  const links = { announce: ['wss://a.example/', 'wss://b.example/'], webSeeds: ['https://example.org/a.bin'] }
  const { torrent, info } = buildMetainfo(torrentOf(vector), links, sha256)
  assert.equal(toHex(digest('sha1', info)), vector.infoHash)
  const { value, length } = decodeBencoded(torrent)
  assert.equal(length, torrent.length)
  assert.ok(isDict(value))
  assert.deepEqual(Object.keys(value), ['announce', 'announce-list', 'info', 'piece layers', 'url-list'])
})

test('a file may be called __proto__', () => {
  const file = { size: 1, chunkHashes: new Uint8Array(32), sha1Pieces: new Uint8Array(20) }
  const files = [
    { ...file, path: ['__proto__', 'a'] },
    { ...file, path: ['constructor'] },
  ]
  const { info } = buildMetainfo({ name: 'x', chunkSize: 32768, files }, none, sha256)
  const { value } = decodeBencoded(info)
  assert.ok(isDict(value) && value['file tree'] && isDict(value['file tree']))
  assert.deepEqual(Object.keys(value['file tree']), ['__proto__', 'constructor'])
})

test('paths are in the order of their UTF-8 bytes, segment by segment', () => {
  const paths = fc.array(fc.array(fc.string({ unit: 'binary', minLength: 1 }), { minLength: 1, maxLength: 4 }))
  fc.assert(
    fc.property(paths, (list) => {
      // 0x00 sorts below every byte of a name, as the end of a segment does.
      const key = (path: readonly string[]) => Buffer.from(path.map((s) => s.replaceAll('\0', ' ')).join('\0'))
      const clean = list.map((path) => path.map((segment) => segment.replaceAll('\0', ' ')))
      const expected = [...clean].sort((a, b) => Buffer.compare(key(a), key(b)))
      assert.deepEqual([...clean].sort(compareTorrentPaths), expected)
    }),
  )
})
