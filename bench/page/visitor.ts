import type { Download, DownloadOptions, PageCommands } from '../lib/commands.ts'
import { watch } from './watch.ts'

declare global {
  /** There when the browser runs with --js-flags=--expose-gc. */
  var gc: (() => void) | undefined
}

const BUFFER_BYTES = 2 ** 20

/** Where a minimal worker is to be used instead of ours, its path is in the page's address. */
const ownWorker = new URLSearchParams(location.search).get('worker')

/** A visitor: downloads what it is told to, and tells how that went. */
export const visitor: PageCommands = {
  async ready() {
    if (ownWorker) await controlledBy(ownWorker)
    // Our tag is async: it may come after this script.
    else if (document.querySelector('script[src*="tributary.js"]')) await ourWorker()
  },
  download,
  watch,
  async workerBytes() {
    if (!window.tributary) throw new Error('this page has no worker of ours')
    const { bytes, peers } = await window.tributary.stats()
    return { connected: peers, cache: bytes.cache, peers: bytes.peers, origin: bytes.origin }
  },
  async storedBytes() {
    return (await navigator.storage.estimate()).usage ?? 0
  },
  async collectGarbage() {
    navigator.serviceWorker.controller?.postMessage('bench:gc')
    globalThis.gc?.()
  },
  async firstPaint() {
    const [paint] = performance.getEntriesByName('first-paint')
    if (!paint) throw new Error('nothing is painted yet')
    return performance.timeOrigin + paint.startTime
  },
}

/** Past the browser's own cache, which would be written to and read from behind the bench's back. */
async function download({ url, firstByteOnly, oneBuffer }: DownloadOptions): Promise<Download> {
  const begun = performance.now()
  const response = await fetch(url, { cache: 'no-store' })
  if (!response.ok || !response.body) throw new Error(`${url}: status ${response.status}`)
  let bytes = 0
  let firstByteMs = 0
  for await (const length of oneBuffer ? readIntoOneBuffer(response.body) : read(response.body)) {
    if (bytes === 0) firstByteMs = performance.now() - begun
    bytes += length
    if (firstByteOnly) break
  }
  return { bytes, firstByteMs, totalMs: performance.now() - begun }
}

/** Reads and drops; yields the lengths of what came. */
async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<number> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value.length
    }
  } finally {
    await reader.cancel()
  }
}

/** The same without leaving garbage behind. */
async function* readIntoOneBuffer(body: ReadableStream<Uint8Array>): AsyncGenerator<number> {
  const reader = body.getReader({ mode: 'byob' })
  let buffer = new ArrayBuffer(BUFFER_BYTES)
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer))
      if (done) return
      buffer = value.buffer
      yield value.length
    }
  } finally {
    await reader.cancel()
  }
}

async function controlledBy(worker: string): Promise<void> {
  const change = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve))
  await navigator.serviceWorker.register(worker)
  if (!navigator.serviceWorker.controller) await change
}

async function ourWorker(): Promise<void> {
  while (!window.tributary) await new Promise((resolve) => setTimeout(resolve, 10))
  const state = await window.tributary.ready
  if (state.worker !== 'active') throw new Error(`our worker is ${state.worker}`)
  // On a busy machine its first answer may be late.
  await window.tributary.stats()
}
