import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { MiB } from '../../protocol/units.ts'
import { type ChromiumTab, openChromium } from '../harness/chromium.ts'
import { openSite, type Site, VIDEO } from '../harness/site.ts'
import { visit } from '../harness/visit.ts'

// Chromium fails a media element that gets both what was fetched, which has an address, and what a worker made up.

const FILM = `<!doctype html><title>film</title><video muted autoplay src="/${VIDEO}"></video>`

/** An element that no document shows. */
const HIDDEN = `<!doctype html><title>film</title><script>
const film = Object.assign(document.createElement('video'), { muted: true, src: '/${VIDEO}' })
film.play()
document.querySelector = () => film
</script>`

const OPTIONS = { video: true, files: { 'film.html': FILM, 'hidden.html': HIDDEN }, manifest: { chunkSize: MiB } }

test('pages that another page has claimed go on with what they play', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, OPTIONS)
  const chromium = await openChromium(t)
  const open = async (missing: string) => {
    site.setFault(missing, { kind: 'status', status: 404 })
    const tab = await chromium.tab()
    await tab.goto(site.at('film.html'))
    await untilPlaying(tab)
    site.setFault(missing, undefined)
    return tab
  }
  const scriptless = await open('tributary.js')
  const failed = await open('tributary-sw.js')
  const asking = await chromium.tab()
  await visit(asking, site, 'hidden.html')
  const forced = await open('nothing')
  await forceReload(forced)
  await asking.evaluate(() => navigator.serviceWorker.controller?.postMessage({ tributary: 'claim' }))

  for (const [name, tab] of Object.entries({ scriptless, failed, asking, forced })) {
    await tab.waitFor(() => navigator.serviceWorker.controller)
    assert.equal(await seek(tab, 0.8), 'plays', name)
  }
})

/** What happens in the middle of a film that came through the worker. */
const MIDWAYS: Readonly<Record<string, (tab: ChromiumTab, site: Site) => Promise<void>>> = {
  'the mode is turned off, and the origin redirects': async (tab, site) => {
    assert.equal(await seek(tab, 0.63), 'plays', 'into the depth of a chunk')
    await copyFile(join(site.dir, VIDEO), join(site.dir, 'moved.mp4'))
    site.setFault(VIDEO, { kind: 'redirect', to: '/moved.mp4' })
    await turnOff(tab)
  },
  'the kill switch, and another worker': async (tab, site) => {
    const body = JSON.stringify({ ...(await site.manifest()), disabled: true })
    site.setFault(MANIFEST_NAME, { kind: 'body', type: 'application/json', body })
    await tab.killWorkers()
  },
}

test('a film that came through the worker plays on', { timeout: 60_000 }, async (t) => {
  const chromium = await openChromium(t)
  for (const [name, midway] of Object.entries(MIDWAYS)) {
    await t.test(name, async (t) => {
      const site = await openSite(t, OPTIONS)
      const tab = await chromium.tab()
      t.after(() => tab.close())
      await visit(tab, site)
      await tab.goto(site.at('film.html'))
      await untilPlaying(tab)
      await midway(tab, site)
      assert.equal(await seek(tab, 0.83), 'plays')
    })
  }
})

/** As a tag with `data-mode="off"` does. */
function turnOff(tab: ChromiumTab): Promise<void> {
  return tab.evaluate(async () => {
    const { port1, port2 } = new MessageChannel()
    const done = new Promise((resolve) => port1.addEventListener('message', resolve))
    port1.start()
    navigator.serviceWorker.controller?.postMessage({ tributary: 'control', port: port2 }, [port2])
    // A call as comlink makes it.
    port1.postMessage({ id: 'off', type: 'APPLY', path: ['setMode'], argumentList: [{ type: 'RAW', value: 'off' }] })
    await done
  })
}

async function untilPlaying(tab: ChromiumTab): Promise<void> {
  await tab.waitFor(() => (document.querySelector('video')?.currentTime ?? 0) > 0.1)
}

/** As with the shift key: past all workers. */
async function forceReload(tab: ChromiumTab): Promise<void> {
  const devtools = await tab.page.context().newCDPSession(tab.page)
  await Promise.all([tab.page.waitForEvent('load'), devtools.send('Page.reload', { ignoreCache: true })])
  await untilPlaying(tab)
}

/** Seeks to a part of the film. @returns what came of it */
function seek(tab: ChromiumTab, part: number): Promise<string> {
  return tab.evaluate(async (part) => {
    const video = document.querySelector('video')
    if (!video) return 'no video'
    const goal = video.duration * part + 0.2
    video.currentTime = video.duration * part
    const until = Date.now() + 10_000
    while (video.currentTime < goal && !video.error && Date.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20))
    return video.error?.message ?? (video.currentTime < goal ? `stands at ${video.currentTime}` : 'plays')
  }, part)
}
