import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chunkStoreContract, mergingStoreContract } from '../../store/chunk-store.contract.ts'
import { openChromium } from '../harness/chromium.ts'
import { openFirefox } from '../harness/firefox.ts'
import { openSite } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'

const cases = [...chunkStoreContract, ...mergingStoreContract]
const pageSource = fileURLToPath(new URL('page.ts', import.meta.url))

async function contractFiles() {
  const { outputFiles } = await build({ entryPoints: [pageSource], bundle: true, write: false, format: 'iife' })
  return {
    'contract.html': '<!doctype html><title>Contract</title><script src="contract.js"></script>',
    'contract.js': outputFiles[0]?.contents ?? '',
  }
}

test('IndexedDB in Chromium keeps the contract of stores', { timeout: 120_000 }, async (t) => {
  const files = await contractFiles()
  const chromium = await openChromium(t)
  const tab = await chromium.tab()
  await tab.page.exposeFunction('limitStorage', (bytes: number) => tab.limitStorage(bytes))
  await tab.page.exposeFunction('collectGarbage', () => tab.collectGarbage())
  for (const { name } of cases) {
    await t.test(name, async (t) => {
      // A port of its own: usage that a browser counts late must not blur the small store's limit.
      const site = await openSite(t, { files, inject: false })
      await tab.goto(site.at('contract.html'))
      await runCase(tab, name)
    })
  }
})

test('IndexedDB in Firefox keeps the contract of stores', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { files: await contractFiles(), inject: false })
  const firefox = await openFirefox(t)
  const tab = await firefox.tab()
  await tab.goto(site.at('contract.html'))
  for (const { name } of cases) await t.test(name, () => runCase(tab, name))
})

async function runCase(tab: Tab, name: string): Promise<void> {
  const failure = await tab.evaluate(
    (name) =>
      window.runCase(name).then(
        () => undefined,
        (error) => String(error),
      ),
    name,
  )
  assert.equal(failure, undefined)
}
