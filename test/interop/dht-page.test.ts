import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chunkCountIn, placementsOf } from '../../mesh/description.ts'
import type { MeshModule, Mesh as PageMesh } from '../../page-bridge/lazy-mesh.ts'
import type { SwarmTicket } from '../../protocol/bridge.ts'
import type { ChunkIndex } from '../../protocol/units.ts'
import { openDoor, openMesh } from '../../seeder/node-mesh.ts'
import { openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { madeUp, openSite } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'

declare global {
  /** The mesh of the page under test. */
  var pageMesh: PageMesh
}

const SIZE = 1_000_000
/** The worker loads the first from the origin, and wants the second. */
const [before, chunk] = [1 as ChunkIndex, 2 as ChunkIndex]
const script = fileURLToPath(new URL('../../dist/tributary-mesh.js', import.meta.url))

test('a page lacks a chunk, and finds a stranger who has it, with the tracker gone', { timeout: 60_000 }, async (t) => {
  const tracker = await openTracker(t)
  const site = await openSite(t, { inject: false, files: { 'mesh.js': await readFile(script) } })
  // Pages of a site are a network of their own. The friend knows the tracker, the stranger the friend alone.
  const open = async () => {
    const client = await openMesh({ network: new URL(site.url).origin })
    t.after(() => client.close())
    return client
  }
  const [friend, stranger] = [await open(), await open()]
  friend.join({ trackers: [tracker.url] })
  const door = await openDoor(friend, { port: 0 })
  t.after(() => door.close())
  stranger.join({ peers: [door.url] })
  await eventually(
    () => friend.links,
    (links) => links.includes(stranger.id),
  )
  const bytes = new Uint8Array(madeUp('scouted', SIZE))
  const description = await stranger.share('scouted.bin', bytes)
  const { infoHash, chunkSize, hashes } = description
  const files = placementsOf(description)
  const chunkCount = chunkCountIn(files)

  const tab = await (await openChromium(t)).tab()
  await tab.goto(site.url)
  await tab.evaluate(
    async ({ hashes, ...ticket }) => {
      const { createMesh }: MeshModule = await import(new URL('/mesh.js', location.href).href)
      globalThis.pageMesh = createMesh({
        sharing: true,
        uploadLimit: Number.POSITIVE_INFINITY,
        onStatus() {},
      })
      await globalThis.pageMesh.join({ ...ticket, hashes: Uint8Array.from(hashes).buffer })
    },
    {
      infoHash,
      chunkSize,
      chunkCount,
      hashes: [...hashes],
      files,
      mesh: { announce: [tracker.url], iceServers: [] },
    } satisfies Omit<SwarmTicket, 'hashes'> & { hashes: readonly number[] },
  )
  await eventually(
    () => friend.links,
    (links) => links.length > 1,
  )
  tracker.kill()

  const take = (scouts: boolean) =>
    tab.evaluate(
      async ({ infoHash, before, chunk, scouts, deadlineMs }) => {
        // The worker says so when it asks the origin for what no neighbour has, and will want the next chunk then.
        if (scouts) await globalThis.pageMesh.loading(infoHash, [{ first: before, after: chunk }])
        const got = await globalThis.pageMesh.fetchChunk({ infoHash, chunk, deadlineMs })
        return got === undefined ? undefined : [...new Uint8Array(got)]
      },
      { infoHash, before, chunk, scouts, deadlineMs: scouts ? 15_000 : 1_000 },
    )
  assert.equal(await take(false), undefined, 'somebody gives it without being looked for')
  const got = await take(true)
  assert.ok(got, 'nobody was found')
  assert.ok(Buffer.from(got).equals(bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize)))
})
