import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { parseInfo } from './info.ts'
import { buildMetainfo } from './metainfo.ts'
import { infoIn } from './torrent.ts'
import type { InfoHash } from './units.ts'

const sha = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest()

function torrentOf(count: number) {
  const files = Array.from({ length: count }, (_, i) => ({
    path: [`segment-${String(i).padStart(4, '0')}.ts`],
    size: 5,
    chunkHashes: sha('sha256', Uint8Array.of(i)),
    sha1Pieces: sha('sha1', Uint8Array.of(i)),
  }))
  const links = { announce: ['wss://tracker.example/'], webSeeds: ['https://site.example/'] }
  const { info, torrent } = buildMetainfo({ name: 'ladder', chunkSize: 32_768, files }, links, (bytes) =>
    sha('sha256', bytes),
  )
  return { info, torrent, infoHash: sha('sha1', info).toString('hex') as InfoHash }
}

test('the info dictionary of a bundle of thousands of files is found, and read', async () => {
  const { info, torrent, infoHash } = torrentOf(3_000)
  const found = await infoIn(torrent, infoHash)
  assert.ok(found && Buffer.from(found).equals(info))
  assert.equal(parseInfo(found).files.length, 3_000)
})

test('what comes after it may be missing, nothing of itself', async () => {
  const { info, torrent, infoHash } = torrentOf(2)
  const end = torrent.length - Buffer.from(torrent).indexOf(info) - info.length
  assert.ok(await infoIn(torrent.subarray(0, torrent.length - end), infoHash))
  assert.equal(await infoIn(torrent.subarray(0, torrent.length - end - 1), infoHash), undefined)
})

test('of another swarm, or of none, is nothing', async () => {
  assert.equal(await infoIn(torrentOf(2).torrent, torrentOf(3).infoHash), undefined)
  assert.equal(await infoIn(new TextEncoder().encode('<!doctype html>'), torrentOf(3).infoHash), undefined)
})
