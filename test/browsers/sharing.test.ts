import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KiB, MiB } from '../../protocol/units.ts'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { openSite, type Site } from '../harness/site.ts'
import { ask, statsOf, untilPeers, untilStored, visit } from '../harness/visit.ts'

const FILE = 'files/big.bin'
const SIZE = 8 * MiB
/** Slow enough that peers are worth asking. */
const EGRESS = 2 * MiB
const CAP = 2 * MiB
/** What may be on its way to a peer when the cap is reached. */
const IN_FLIGHT = 512 * KiB

function page(attributes: string): string {
  return `<!doctype html><title>Test page</title><script src="/kit.js"></script><script src="/tributary.js" ${attributes} async></script>`
}

async function openCappedSite(t: TestContext): Promise<Site> {
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

/** What a page uploads in a second, over some seconds. */
async function uploadRate(tab: ChromiumTab, seconds: number): Promise<number> {
  const before = (await statsOf(tab)).bytes.uploaded
  await sleep(seconds * 1_000)
  return ((await statsOf(tab)).bytes.uploaded - before) / seconds
}

test('while another tab of the visitor is busy, the one that uploads halves its rate', {
  timeout: 180_000,
}, async (t) => {
  const limit = MiB
  const files = { [FILE]: 48 * MiB, 'limited.html': page(`data-upload-limit="${limit}"`), 'free.html': page('') }
  const site = await openSite(t, { files, inject: false })
  const visitor = await openChromium(t)
  const holder = await visitor.tab()
  await visit(holder, site, 'limited.html')
  await ask(holder, FILE)
  await untilStored(holder, FILE)
  const other = await visitor.tab()
  await visit(other, site, 'limited.html')
  site.setEgress(128 * KiB)
  const newcomer = await (await openChromium(t)).tab()
  await visit(newcomer, site, 'free.html')
  const reading = ask(newcomer, FILE).catch(() => undefined)
  await untilPeers(newcomer)
  await sleep(3_000) // what was saved up at the start is gone by then
  const before = await uploadRate(holder, 4)
  await other.evaluate(() => {
    setTimeout(() => {
      for (const until = performance.now() + 500; performance.now() < until; );
    })
  })
  await sleep(1_000)
  const during = await uploadRate(holder, 4)
  t.diagnostic(`${(before / KiB).toFixed()} KiB/s, then ${(during / KiB).toFixed()}`)
  assert.ok(before > 0.6 * limit && before < 1.2 * limit, `${before} bytes a second before`)
  assert.ok(during > 0.3 * before && during < 0.7 * before, `${during} bytes a second after ${before}`)
  await newcomer.close()
  await reading
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
