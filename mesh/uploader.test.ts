import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { type LinkId, newPeer } from './peer.ts'
import { Session } from './session.ts'
import { Uploader } from './uploader.ts'

const COUNT = 100
const CHUNK = 16 * MiB

function uploaderWithPeer() {
  const session = new Session({
    infoHash: 'a'.repeat(40) as InfoHash,
    peerId: 'b'.repeat(40) as PeerId,
    chunkCount: COUNT,
    lengthOf: () => CHUNK,
    chunkSize: CHUNK,
    expected: undefined,
    provesBlocks: false,
    guests: [],
    metadataSize: undefined,
    ownBits: () => new Uint8Array(COUNT / 8 + 1).fill(0xff),
    onOutput: () => undefined,
    nowMs: 0,
  })
  const peer = newPeer({ link: 1 as LinkId, session, initiator: false, expected: undefined }, 0)
  const reads: ChunkIndex[] = []
  const uploader = new Uploader({
    peers: new Map([[peer.link, peer]]),
    lengthOf: () => CHUNK,
    emit: (effect) => effect.kind === 'read' && reads.push(effect.chunk),
    flush: () => undefined,
    share: undefined,
  })
  return { uploader, peer, reads }
}

test('who reads nothing, and cancels what it asked for first, has few chunks kept for it', () => {
  const { uploader, peer, reads } = uploaderWithPeer()
  const { uploads } = peer.session
  peer.buffered = 1 * MiB
  const span = (chunk: number, offset: number) => ({ chunk: chunk as ChunkIndex, offset, length: 16 * KiB })
  for (const offset of [0, 16 * KiB]) for (let chunk = 0; chunk < COUNT; chunk++) uploads.add(span(chunk, offset))
  const bytes = new Uint8Array(CHUNK)
  for (let chunk = 0; chunk < COUNT; chunk++) {
    uploader.pump(peer, 0)
    for (const read of reads.splice(0)) uploader.chunkRead(read, bytes, 0)
    assert.ok(uploads.isLoaded(chunk as ChunkIndex))
    uploads.cancel(span(chunk, 0))
  }
  const kept = Array.from({ length: COUNT }, (_, chunk) => chunk).filter((chunk) =>
    uploads.isLoaded(chunk as ChunkIndex),
  )
  assert.ok(kept.length <= 2, `${kept.length} chunks of 16 MiB`)
})

test('a chunk is read once for who asks block by block, and goes when nothing more is asked for', () => {
  const { uploader, peer, reads } = uploaderWithPeer()
  const { uploads } = peer.session
  const chunk = 3 as ChunkIndex
  for (let block = 0; block < 10; block++) {
    uploads.add({ chunk, offset: block * 16 * KiB, length: 16 * KiB })
    uploader.pump(peer, 0)
    if (block === 0) uploader.chunkRead(chunk, new Uint8Array(CHUNK), 0)
    assert.equal(uploads.head, undefined, 'sent at once')
    uploads.rest()
  }
  assert.deepEqual(reads, [chunk])
  assert.ok(uploads.isLoaded(chunk))
  uploads.rest()
  assert.ok(!uploads.isLoaded(chunk))
})
