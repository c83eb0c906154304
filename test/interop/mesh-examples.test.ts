import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openChromium } from '../harness/chromium.ts'
import { eventually } from '../harness/poll.ts'
import { makeScratch } from '../harness/scratch.ts'
import { madeUp, openSite } from '../harness/site.ts'
import { openTracker } from '../harness/tracker.ts'

// The examples of docs/mesh.md, as they stand there.

const example = fileURLToPath(new URL('../../docs/examples/mesh-node.mjs', import.meta.url))
const page = fileURLToPath(new URL('../../docs/examples/mesh-page.html', import.meta.url))
const script = fileURLToPath(new URL('../../dist/mesh-browser.js', import.meta.url))

test('examples are short enough to be read', async () => {
  for (const path of [example, page]) assert.ok((await readFile(path, 'utf8')).split('\n').length <= 40, path)
})

test('a file goes from Node to Node, and to a page', { timeout: 90_000 }, async (t) => {
  const tracker = await openTracker(t)
  const folder = await makeScratch(t, 'example')
  const bytes = madeUp('film', 300_000)
  await writeFile(join(folder, 'given.bin'), bytes)
  const giver = spawn(process.execPath, [example, tracker.url, 'give', join(folder, 'given.bin')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => void giver.kill())
  const [infoHash]: string[] = await once(createInterface(giver.stdout), 'line')
  assert.match(infoHash ?? '', /^[0-9a-f]{40}$/)

  await t.test('in Node', async (t) => {
    const cwd = await makeScratch(t, 'taken')
    const taker = spawn(process.execPath, [example, tracker.url, 'take', infoHash ?? ''], { cwd, stdio: 'inherit' })
    t.after(() => void taker.kill())
    assert.deepEqual(await once(taker, 'exit'), [0, null])
    assert.ok((await readFile(join(cwd, 'given.bin'))).equals(bytes))
  })

  await t.test('in a page', async (t) => {
    const files = { 'mesh-page.html': await readFile(page), 'mesh-browser.js': await readFile(script) }
    const site = await openSite(t, { inject: false, files })
    const tab = await (await openChromium(t)).tab()
    await tab.goto(`${site.at('mesh-page.html')}#${encodeURIComponent(`${tracker.url} ${infoHash}`)}`)
    const size = await eventually(
      () =>
        tab.evaluate(async () => {
          const link = document.querySelector('a')
          return link ? (await (await fetch(link.href)).arrayBuffer()).byteLength : 0
        }),
      (length) => length > 0,
      40_000,
    )
    assert.equal(size, bytes.length)
  })
})
