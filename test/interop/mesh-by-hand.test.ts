import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Invitation, Mesh, OpenMesh } from '../../mesh/mesh.ts'
import { openMesh } from '../../seeder/node-mesh.ts'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { madeUp, openSite } from '../harness/site.ts'

// Clients in pages and in Node that nothing but a person connects: no tracker, and nobody's address.

declare global {
  var byHand: { readonly mesh: Mesh; invitation?: Invitation }
}

const script = fileURLToPath(new URL('../../dist/mesh-browser.js', import.meta.url))
const SIZE = 300_000
/** A person is not as quick as a program; browsers give up connections that come to nothing. */
const CARRIED_MS = 3_000

async function openPage(t: TestContext): Promise<ChromiumTab> {
  const site = await openSite(t, { inject: false, files: { 'mesh-browser.js': await readFile(script) } })
  const tab = await (await openChromium(t)).tab()
  await tab.goto(site.url)
  await tab.evaluate(async () => {
    const { openMesh }: { openMesh: OpenMesh } = await import(new URL('/mesh-browser.js', location.href).href)
    globalThis.byHand = { mesh: await openMesh() }
  })
  return tab
}

const invite = (tab: ChromiumTab) =>
  tab.evaluate(async () => {
    const invitation = await globalThis.byHand.mesh.invite()
    globalThis.byHand.invitation = invitation
    return invitation.offer
  })
const answer = (tab: ChromiumTab, offer: string) => tab.evaluate((text) => globalThis.byHand.mesh.answer(text), offer)
const accept = (tab: ChromiumTab, text: string) =>
  tab.evaluate((answer) => globalThis.byHand.invitation?.accept(answer), text)

/** How much of a file a page gets that knows its info hash alone. */
async function taken(tab: ChromiumTab, infoHash: string): Promise<number> {
  return await tab.evaluate(async (hash) => {
    const { mesh } = globalThis.byHand
    const described = await mesh.describe(hash)
    if (described === undefined) return 0
    mesh.open(described)
    const count = described.hashes.length / 32
    const chunks = await Promise.all(Array.from({ length: count }, (_, chunk) => mesh.get(hash, chunk)))
    return chunks.reduce((sum, chunk) => sum + (chunk?.length ?? 0), 0)
  }, infoHash)
}

test('pages and programs meet by an offer and an answer that a person carries', { timeout: 60_000 }, async (t) => {
  const program = await openMesh()
  t.after(() => program.close())
  const bytes = new Uint8Array(madeUp('by hand', SIZE))
  const { infoHash } = await program.share('by-hand.bin', bytes)
  const [first, second] = [await openPage(t), await openPage(t)]

  const invitation = await program.invite()
  const answered = await answer(first, invitation.offer)
  await sleep(CARRIED_MS)
  assert.equal(await invitation.accept(answered), true, 'a program invites a page')
  assert.equal(await taken(first, infoHash), SIZE)

  const back = await answer(second, (await invite(first)).replaceAll('\r\n', '\n'))
  await sleep(CARRIED_MS)
  assert.equal(await accept(first, back.trim()), true, 'a page invites a page')
  // Whom it was not introduced to it finds by the DHT.
  assert.equal(await taken(second, infoHash), SIZE)
  await eventually(
    () => program.links.length,
    (links) => links === 2,
  )
})
