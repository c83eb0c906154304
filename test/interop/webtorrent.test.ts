import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openSeeder, openSeedSite, swarmOf } from '../harness/seeding.ts'
import { madeUp } from '../harness/site.ts'

const webtorrent = createRequire(import.meta.url).resolve('webtorrent/dist/webtorrent.min.js')

/** The part of WebTorrent that is used. */
interface StockTorrent {
  readonly files: readonly { readonly name: string; blob(): Promise<Blob> }[]
  readonly received: number
  on(event: 'done', listener: () => void): void
}

interface StockClient {
  add(torrent: Uint8Array, options: { announce: string[] }, ready: (torrent: StockTorrent) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

interface Downloaded {
  readonly received: number
  /** Hex, by file name. */
  readonly hashes: Readonly<Record<string, string>>
}

test('a stock WebTorrent client downloads from our seeder', { timeout: 60_000 }, async (t) => {
  const film = madeUp('film', 3 * MiB + 777)
  const files = {
    'film.bin': film,
    'index.html': '<!doctype html><title>Stock</title>',
    'stock.js': await readFile(webtorrent),
  }
  const site = await openSeedSite(t, files)
  const { seeder } = await openSeeder(t, site)
  const { swarm } = await swarmOf(site.dir, 'film.bin')
  const tab = await (await openChromium(t, { serviceWorkers: 'block' })).tab()
  await tab.goto(site.url)
  const { received, hashes } = await tab.evaluate(downloadInPage, {
    torrent: swarm.torrent ?? '',
    tracker: site.tracker,
  })
  assert.deepEqual(hashes, { 'film.bin': createHash('sha256').update(film).digest('hex') })
  t.diagnostic(`${received} bytes received, ${seeder.stats().uploaded} sent by the seeder`)
  assert.ok(seeder.stats().uploaded >= film.length, 'every byte came from the seeder')
  assert.equal(site.server.metrics.bytesOf('/film.bin'), 0)
})

/** Runs in the page. */
async function downloadInPage(argument?: { torrent: string; tracker: string }): Promise<Downloaded> {
  if (argument === undefined) throw new Error('nothing to download')
  const script: string = '/stock.js'
  const { default: WebTorrent }: { default: new () => StockClient } = await import(script)
  const client = new WebTorrent()
  const file = new Uint8Array(await (await fetch(`/${argument.torrent}`)).arrayBuffer())
  const torrent = await new Promise<StockTorrent>((resolve, reject) => {
    client.on('error', reject)
    client.add(file, { announce: [argument.tracker] }, (added) => added.on('done', () => resolve(added)))
  })
  const hashes: Record<string, string> = {}
  for (const file of torrent.files) {
    const digest = await crypto.subtle.digest('SHA-256', await (await file.blob()).arrayBuffer())
    hashes[file.name] = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  return { received: torrent.received, hashes }
}
