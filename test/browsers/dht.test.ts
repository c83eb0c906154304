import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { placementsOf } from '../../mesh/description.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { bytesOfChunk } from '../../protocol/geometry.ts'
import { type ChunkIndex, MiB } from '../../protocol/units.ts'
import { openMesh } from '../../seeder/node-mesh.ts'
import { openChromium } from '../harness/chromium.ts'
import { sha256OfFile } from '../harness/hash.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'
import { ask, statsOf, visit } from '../harness/visit.ts'

// The worker of a visitor, whose neighbours have nothing of a file, has the DHT asked for who does.

const FIRST = 'files/first.bin'
const WANTED = 'files/wanted.bin'
/** So slow that there is time to find somebody. */
const EGRESS = 1 * MiB

async function openFriend(t: TestContext, site: Site, tracker: string): Promise<Mesh> {
  const friend = await openMesh({ network: new URL(site.url).origin })
  t.after(() => friend.close())
  friend.join({ trackers: [tracker] })
  return friend
}

/** Holds a file of the site, and tells the DHT alone. @returns chunks that it was asked for */
async function hold(mesh: Mesh, site: Site, path: string): Promise<ReadonlySet<number>> {
  const swarm = (await site.manifest()).swarms.find(({ files }) => files.some((file) => file.path === path))
  assert.ok(swarm)
  const { infoHash, chunkSize, files } = swarm
  const hashes = new Uint8Array(await (await fetch(site.at(swarm.hashes))).arrayBuffer())
  const whole = new Uint8Array(await readFile(join(site.dir, path)))
  const [place] = placementsOf({ files, chunkSize })
  assert.ok(place)
  const asked = new Set<number>()
  const read = async (chunk: number) => {
    asked.add(chunk)
    const { start, end } = bytesOfChunk(place, chunk as ChunkIndex)
    return whole.slice(start, end)
  }
  mesh.open({ infoHash, chunkSize, files, hashes }, { read, write: async () => undefined })
  for (let chunk = 0; chunk < swarm.chunkCount; chunk++) mesh.announce(infoHash, chunk)
  return asked
}

test('with the tracker gone, a visitor gets most of a file from a stranger that the DHT finds', {
  timeout: 90_000,
}, async (t) => {
  const tracker = await openTracker(t)
  const site = await openSite(t, {
    files: { [FIRST]: 1 * MiB, [WANTED]: 16 * MiB },
    egress: EGRESS,
    manifest: { announce: [tracker.url] },
  })
  const friend = await openFriend(t, site, tracker.url)
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site)
  // A first file has the page take part in the mesh.
  await ask(tab, FIRST)
  await eventually(
    () => friend.links,
    (links) => links.length > 0,
    20_000,
  )
  tracker.kill()
  const asked = await hold(friend, site, WANTED)
  const before = await statsOf(tab)
  assert.equal(before.bytes.peers, 0)
  const { sha256 } = await ask(tab, WANTED)
  assert.equal(sha256, await sha256OfFile(join(site.dir, WANTED)))
  const { bytes } = await statsOf(tab)
  t.diagnostic(`${bytes.peers} bytes from peers, ${bytes.origin} from the origin`)
  assert.ok(bytes.peers > 4 * MiB, `${bytes.peers} bytes from peers`)
  assert.ok(asked.size > 0)
})
