import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { KiB, MiB } from '../../protocol/units.ts'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site } from '../harness/site.ts'
import { ask, statsOf, untilStored, visit } from '../harness/visit.ts'

const FILE = 'files/big.bin'
const SIZE = 8 * MiB
/** Slow enough that peers are worth asking. */
const EGRESS = 2 * MiB
const CAP = 2 * MiB
/** What may be on its way to a peer when the cap is reached. */
const IN_FLIGHT = 512 * KiB

async function openCappedSite(t: TestContext): Promise<Site> {
  const page = (attributes: string) =>
    `<!doctype html><title>Test page</title><script src="/kit.js"></script><script src="/tributary.js" ${attributes} async></script>`
  const files = { [FILE]: SIZE, 'capped.html': page(`data-upload-cap="${CAP}/month"`), 'free.html': page('') }
  return await openSite(t, { files, inject: false })
}

/** A visitor who holds the file. */
async function openHolder(t: TestContext, site: Site): Promise<ChromiumTab> {
  const tab = await (await openChromium(t)).tab()
  await visit(tab, site, 'capped.html')
  await ask(tab, FILE)
  await untilStored(tab, FILE)
  return tab
}

/** Somebody else comes and reads the file. @returns how much of it the others gave */
async function readAsNewcomer(t: TestContext, site: Site): Promise<number> {
  const visitor = await openChromium(t)
  const tab = await visitor.tab()
  await visit(tab, site, 'free.html')
  await ask(tab, FILE)
  const { bytes } = await statsOf(tab)
  await visitor.close()
  return bytes.peers
}

test('a visitor gives up to the cap, no more after a reload, and again in another month', {
  timeout: 180_000,
}, async (t) => {
  const site = await openCappedSite(t)
  const holder = await openHolder(t, site)
  site.setEgress(EGRESS)
  assert.ok((await readAsNewcomer(t, site)) > 0)
  const { bytes } = await eventually(
    () => statsOf(holder),
    ({ bytes }) => bytes.uploaded >= CAP,
  )
  assert.ok(bytes.uploaded <= CAP + IN_FLIGHT, `${bytes.uploaded} bytes`)

  assert.equal((await visit(holder, site, 'capped.html')).sharing, false)
  await ask(holder, FILE) // the mesh starts again
  assert.equal(await readAsNewcomer(t, site), 0)

  await holder.evaluate((spent) => localStorage.setItem('tributary:uploaded', `2001-01 ${spent}`), CAP)
  assert.equal((await visit(holder, site, 'capped.html')).sharing, true)
  await ask(holder, FILE)
  assert.ok((await readAsNewcomer(t, site)) > 0)
})

test('a visitor who saves data gives nothing', { timeout: 120_000 }, async (t) => {
  const site = await openCappedSite(t)
  const tab = await (await openChromium(t)).tab()
  const devtools = await tab.page.context().newCDPSession(tab.page)
  await devtools.send('Emulation.setDataSaverOverride', { dataSaverEnabled: true })
  assert.equal((await visit(tab, site, 'free.html')).sharing, false)
  await ask(tab, FILE)
  await untilStored(tab, FILE)
  site.setEgress(EGRESS)
  assert.equal(await readAsNewcomer(t, site), 0)
})
