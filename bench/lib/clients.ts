import type { RequestHook, RunningServer } from '../../manifest-tool/serve/start-server.ts'
import { Browser } from './browser.ts'
import type { Cleanup } from './cleanup.ts'
import type { Download, DownloadOptions } from './commands.ts'
import type { Control } from './control.ts'
import type { Site } from './site.ts'

/** What is compared: no worker, one that does nothing but `respondWith(fetch(request))`, and ours. */
export const CLIENTS = ['none', 'pass', 'tributary'] as const

/** How a page gets its bytes. `blobs`: from a worker that keeps files in IndexedDB and answers with its Blobs, and no more. */
export type ClientKind = (typeof CLIENTS)[number] | 'blobs'

/** Workers of the benches' site. */
const WORKERS = { pass: '/pass-through.js', blobs: '/blobs.js' } as const

/** A visitor with an origin of its own, so that each client's bytes are counted apart. */
export class Client {
  readonly kind: ClientKind
  readonly browser: Browser
  readonly server: RunningServer

  constructor(kind: ClientKind, browser: Browser, server: RunningServer) {
    this.kind = kind
    this.browser = browser
    this.server = server
  }

  /** Downloads a file of the site, all of it unless told otherwise. */
  async download(name: string, options: Partial<DownloadOptions> = {}): Promise<Download> {
    return await this.browser.page.call('download', { url: new URL(name, this.server.url).href, ...options })
  }

  /** Body bytes that the origin sent of a file. */
  originBytes(name: string): number {
    return this.server.metrics.bytesOf(`/${name}`)
  }
}

export interface ClientOptions {
  readonly site: Site
  readonly control: Control
  readonly cleanup: Cleanup
  readonly args?: readonly string[]
  /** Answers requests in place of the site. */
  readonly prepare?: RequestHook
}

/** Opens a fresh browser on an origin of its own, and waits until its worker, if any, controls the page. */
export async function openClient(kind: ClientKind, options: ClientOptions): Promise<Client> {
  const { site, control, cleanup, args, prepare } = options
  const server = cleanup.add(await site.serve(kind === 'tributary'), (running) => running.close())
  server.setFault(prepare)
  const browser = cleanup.add(
    await Browser.open({
      control,
      name: `${kind}-${server.port}`,
      page: `${server.url}downloads.html`,
      ...((kind === 'pass' || kind === 'blobs') && { parameters: { worker: WORKERS[kind] } }),
      ...(args && { args }),
    }),
    (open) => open.close(),
  )
  await browser.page.call('ready')
  return new Client(kind, browser, server)
}
