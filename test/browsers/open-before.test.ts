import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openFirefox } from '../harness/firefox.ts'
import { openSite, VIDEO } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'
import { statsOf, visit } from '../harness/visit.ts'

// Media elements that stand in the page as it is: on a first visit they begin to load before there is a worker.

const PAGES = {
  'a film that is loaded': { markup: `<video muted src="/${VIDEO}"></video>`, isLed: true },
  'a film of a <source>': { markup: `<video muted><source src="/${VIDEO}"></video>`, isLed: true },
  'a film that plays already': { markup: `<video muted autoplay src="/${VIDEO}"></video>`, isLed: false },
}

const BROWSERS = { Chromium: openChromium, Firefox: openFirefox }

/** Plays at four times its speed from a part of the film on, until so many seconds later. */
function play(tab: Tab, { from, seconds }: { readonly from?: number; readonly seconds: number }) {
  return tab.evaluate(
    async ({ from, seconds }) => {
      const video = document.querySelector('video')
      if (!video) throw new Error('no video in the page')
      video.defaultPlaybackRate = video.playbackRate = 4
      if (from !== undefined) video.currentTime = video.duration * from
      await video.play()
      const goal = video.currentTime + seconds
      const until = Date.now() + 30_000
      while (video.currentTime < goal && !video.error && Date.now() < until)
        await new Promise((resolve) => setTimeout(resolve, 50))
      return { error: video.error?.message, isThere: video.currentTime >= goal }
    },
    { from, seconds },
  )
}

for (const [name, open] of Object.entries(BROWSERS)) {
  test(`${name}: media that load before the worker does`, { timeout: 240_000 }, async (t) => {
    for (const [what, { markup, isLed }] of Object.entries(PAGES)) {
      await t.test(what, async (t) => {
        const site = await openSite(t, {
          video: true,
          files: { 'page.html': `<!doctype html><title>film</title>${markup}` },
          egress: 6 * MiB, // the worker must be there before all of the film is
        })
        const tab = await (await open(t)).tab()
        const { worker } = await visit(tab, site, 'page.html')
        assert.equal(worker, 'active')
        assert.deepEqual(await play(tab, { seconds: 12 }), { error: undefined, isThere: true })
        assert.deepEqual(await play(tab, { from: 0.8, seconds: 2 }), { error: undefined, isThere: true })
        const { bytes } = await statsOf(tab)
        // Firefox takes what it has not got yet from wherever it comes.
        const led = isLed || name === 'Firefox'
        assert.equal(bytes.origin > 0, led, `${bytes.origin} bytes came through the worker`)
      })
    }
  })
}
