import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openChromium } from '../harness/chromium.ts'
import { saved } from '../harness/downloads.ts'
import { sha256OfFile } from '../harness/hash.ts'
import { eventually } from '../harness/poll.ts'
import type { Owner } from '../harness/scratch.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PDF = 'Flüsse & Ströme 2026.pdf'

/** Serves the demo as `npm start` does. @returns its URL */
async function serveDemo(owner: Owner): Promise<string> {
  const made = spawnSync(process.execPath, ['demo/make-files.mjs'], { cwd: root, stdio: 'inherit' })
  assert.equal(made.status, 0)
  const args = ['dist/cli.js', 'serve', 'demo/site', '--port', '0', '--json']
  const server = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  owner.after(async () => {
    server.kill()
    await once(server, 'exit')
  })
  for await (const line of createInterface(server.stdout)) {
    const told: unknown = JSON.parse(line)
    if (typeof told === 'object' && told !== null && 'url' in told && typeof told.url === 'string') return told.url
  }
  throw new Error('the server ended without a URL')
}

test('the demo plays its film, hands out its files, and shows where the bytes come from', {
  timeout: 120_000,
}, async (t) => {
  const url = await serveDemo(t)
  const tab = await (await openChromium(t)).tab()
  const mistakes: string[] = []
  tab.page.on('pageerror', ({ message }) => mistakes.push(message))
  await tab.goto(url)
  await tab.waitFor(() => document.querySelector('#state-dot')?.getAttribute('data-state') !== 'wait')

  await tab.evaluate(async () => {
    const film = document.querySelector('video')
    if (!film) throw new Error('there is no film')
    film.muted = true
    await film.play()
  })
  await tab.waitFor(() => (document.querySelector('video')?.currentTime ?? 0) > 3)
  await tab.waitFor(() => document.querySelectorAll('#maps li').length === 1)
  const shown = await eventually(
    () => tab.page.locator('#bytes-origin').textContent(),
    (text) => /\d/.test(text ?? ''),
  )
  t.diagnostic(`from the server: ${shown}`)

  const link = tab.page.getByRole('link', { name: PDF })
  const download = await tab.download(() => link.click())
  assert.deepEqual(await saved(download), {
    name: PDF,
    sha256: await sha256OfFile(join(root, 'demo/site/files', PDF)),
    failure: undefined,
  })
  assert.deepEqual(mistakes, [])
})
