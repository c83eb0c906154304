import assert from 'node:assert/strict'
import { test } from 'node:test'
import { madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

// What was fetched has an address, what a worker made up has none, and no media URL of a page gets both.

const FILM = 'film.mp4'
const MiB = 2 ** 20

const open = (owner: { after(work: () => unknown): void }) =>
  WorkerSite.open(owner, { files: { [FILM]: { bytes: madeUp(4 * MiB), chunkSize: MiB, type: 'video/mp4' } } })

/** Whether a media element of a page gets an answer that has an address. */
async function hasAddress(site: WorkerSite, clientId: string, start: number): Promise<boolean> {
  const request = site.request(FILM, { destination: 'video', headers: { range: `bytes=${start}-` } })
  const response = await site.accelerator.respond(request, clientId)
  assert.equal(response.status, 206)
  await response.body?.cancel()
  return response.url !== ''
}

test('a film that began with chunks has no address, wherever the rest comes from', async (t) => {
  const site = await open(t)
  assert.equal(await hasAddress(site, 'page', 0), false)
  assert.equal(await hasAddress(site, 'page', 2.5 * MiB), false, 'the depth of a chunk')
  await site.accelerator.setMode('off')
  assert.equal(await hasAddress(site, 'page', 3 * MiB), false)
  assert.equal(await hasAddress(site, 'other', 0), true, 'another page begins anew')
  await untilSaved()
  await site.reopen()
  assert.equal(await hasAddress(site, 'page', MiB), false, 'after the worker was killed')
})

test('a film that began at the origin keeps its address, until the page is left', async (t) => {
  const site = await open(t)
  await site.accelerator.setMode('off')
  assert.equal(await hasAddress(site, 'page', 0), true)
  await site.accelerator.setMode('on')
  await untilSaved()
  await site.reopen()
  assert.equal(await hasAddress(site, 'page', MiB), true)
  assert.equal(await hasAddress(site, 'next', 0), false)
})

test('a film that changes at the origin has no address if it had none', async (t) => {
  const site = await open(t)
  assert.equal(await hasAddress(site, 'page', 0), false)
  site.origin.fault = () => ({ headers: { 'content-encoding': 'x-none' } })
  assert.equal(await hasAddress(site, 'page', 3 * MiB), false)
  assert.equal(await hasAddress(site, 'page', 2 * MiB), false, 'bypassed by now')
})

test('the films of a claimed page are left alone, but for those that it begins later', async (t) => {
  const site = await open(t)
  const { natives } = site.accelerator
  natives.claim(['silent', 'late', 'named'])
  assert.equal(await hasAddress(site, 'silent', 0), true)
  assert.equal(await hasAddress(site, 'late', 0), true)
  natives.name('late', [])
  assert.equal(await hasAddress(site, 'late', MiB), true, 'as before')
  natives.name('named', [site.request(`${FILM}#`).url])
  assert.equal(await hasAddress(site, 'named', MiB), true, 'it began where the page does not see it')
  natives.name('new', [])
  assert.equal(await hasAddress(site, 'new', 0), false)
  assert.equal(await hasAddress(site, 'new', MiB), false)
})

/** Notes are written a moment after the first byte. */
function untilSaved(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100))
}
