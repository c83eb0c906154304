import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChunkIndex } from '../../protocol/units.ts'
import { INFO_HASH, VirtualClock, VirtualPeer } from '../../test/harness/virtual-mesh.ts'
import type { Id } from '../dht/id.ts'
import { Lookup } from './lookup.ts'
import { Seeker } from './seeker.ts'

const CHUNK = 0 as ChunkIndex

/** A search in which each useless provider brings another one; nobody offers the chunk. */
async function soughtAmong(isThere: boolean): Promise<number> {
  const clock = new VirtualClock()
  let connects = 0
  let last = 0
  const another = () => lookup.found([{ id: `${++last}` as Id, bits: Uint8Array.of(0x80) }])
  const lookup = new Lookup(CHUNK, { useless: another, stop: () => undefined })
  const connect = async () => {
    connects++
    return isThere
  }
  const seeker = new Seeker({ lookup: () => lookup, membersOf: () => [], connect }, clock)
  const { driver } = new VirtualPeer(clock, 1, { chunkCount: 8 })
  another()
  another()
  assert.equal(await clock.until(seeker.seek(INFO_HASH, CHUNK, driver), 120_000), false)
  return connects
}

test('of clients that do not offer the chunk a few are tried', async () => {
  assert.ok((await soughtAmong(true)) <= 7)
})

test('of those that are not there many more: they may be made up', async () => {
  const connects = await soughtAmong(false)
  assert.ok(connects >= 24 && connects <= 25, `${connects}`)
})
