import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { openChromium } from '../harness/chromium.ts'
import type { Owner } from '../harness/scratch.ts'
import { openSite } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'

const webtorrent = createRequire(import.meta.url).resolve('webtorrent/dist/webtorrent.min.js')

/** The part of WebTorrent that is used. */
interface StockTorrent {
  /** `path` begins with the torrent's name when there are several. */
  readonly files: readonly { readonly path: string; blob(): Promise<Blob> }[]
  readonly received: number
  readonly uploaded: number
  readonly done: boolean
  on(event: 'done', listener: () => void): void
}

interface StockModule {
  readonly default: new () => {
    add(torrent: Uint8Array, options: { announce: string[] }, ready: (torrent: StockTorrent) => void): void
    on(event: 'error', listener: (error: Error) => void): void
  }
}

declare global {
  interface Window {
    stock?: StockTorrent
  }
}

export interface Downloaded {
  readonly received: number
  /** SHA-256 in hex, by the path in the torrent. */
  readonly hashes: Readonly<Record<string, string>>
}

/** A browser with WebTorrent as its package brings it, on a page of another site. */
export class StockClient {
  readonly #tab: Tab

  constructor(tab: Tab) {
    this.#tab = tab
  }

  /**
   * Downloads all of a torrent from peers, and seeds it from then on.
   * @param torrent absolute URL of the .torrent file
   */
  download(torrent: string, tracker: string): Promise<Downloaded> {
    return this.#tab.evaluate(downloadInPage, { torrent, tracker })
  }

  /** Bytes sent to peers. */
  uploaded(): Promise<number> {
    return this.#tab.evaluate(() => window.stock?.uploaded ?? 0)
  }
}

export async function openStockClient(owner: Owner): Promise<StockClient> {
  const files = {
    'index.html': '<!doctype html><title>Stock</title>',
    'stock.js': await readFile(webtorrent),
  }
  const home = await openSite(owner, { inject: false, files })
  const tab = await (await openChromium(owner, { serviceWorkers: 'block' })).tab()
  await tab.goto(home.url)
  return new StockClient(tab)
}

/** Runs in the page. */
async function downloadInPage({ torrent, tracker }: { torrent: string; tracker: string }): Promise<Downloaded> {
  const script: string = '/stock.js'
  const { default: WebTorrent }: StockModule = await import(script)
  const client = new WebTorrent()
  const metainfo = new Uint8Array(await (await fetch(torrent)).arrayBuffer())
  const added = await new Promise<StockTorrent>((resolve, reject) => {
    client.on('error', reject)
    client.add(metainfo, { announce: [tracker] }, (added) => added.on('done', () => resolve(added)))
  })
  window.stock = added
  const hashes: Record<string, string> = {}
  for (const file of added.files) {
    const digest = await crypto.subtle.digest('SHA-256', await (await file.blob()).arrayBuffer())
    hashes[file.path] = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  return { received: added.received, hashes }
}
