import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '../seeder/sha256.ts'
import { ProtocolViolation } from './errors.ts'
import { parseInfo } from './info.ts'
import { buildMetainfo, compareTorrentPaths } from './metainfo.ts'
import { KiB } from './units.ts'
import { encodeBencoded } from './wire/bencode.ts'

const chunkSize = 32 * KiB

function built(paths: readonly string[][]) {
  const files = [...paths].sort(compareTorrentPaths).map((path, i) => ({
    path,
    size: i + 1,
    chunkHashes: new Uint8Array(32).fill(i),
    sha1Pieces: new Uint8Array(20),
  }))
  const { info } = buildMetainfo({ name: 'n', chunkSize, files }, { announce: [], webSeeds: [] }, sha256)
  return { files, info }
}

test('files come back in the order of their chunks, whatever they are called', () => {
  const { files, info } = built([['10'], ['2'], ['a', 'ü'], ['a', 'z'], ['a.b'], ['__proto__', '1']])
  assert.deepEqual(parseInfo(info), {
    chunkSize,
    files: files.map(({ path, size, chunkHashes }) => ({ path: path.join('/'), size, piecesRoot: chunkHashes })),
  })
})

test('what is no info dictionary of such a swarm is refused, by its own error alone', () => {
  const good = {
    'piece length': chunkSize,
    'file tree': { a: { '': { length: 5, 'pieces root': new Uint8Array(32) } } },
  }
  assert.equal(parseInfo(encodeBencoded(good)).files.length, 1)
  const bad = [
    { ...good, 'piece length': 1000 },
    { 'piece length': chunkSize, length: 5, pieces: new Uint8Array(20) },
    { ...good, 'file tree': { a: { '': { length: 5, 'pieces root': new Uint8Array(31) } } } },
    { ...good, 'file tree': { a: { '': { length: 0 } } } },
  ]
  for (const dict of bad) assert.throws(() => parseInfo(encodeBencoded(dict)), ProtocolViolation)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseInfo(bytes)
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation)
      }
    }),
  )
})
