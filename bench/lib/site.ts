import { createCipheriv } from 'node:crypto'
import { copyFile, link, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { DEFAULT_OPTIONS, type ManifestOptions } from '../../manifest-tool/build-manifest.ts'
import { type RunningServer, startServer } from '../../manifest-tool/serve/start-server.ts'
import { leanSimplePeer } from '../../page-bridge/stand-ins/esbuild.mjs'

export const MiB = 2 ** 20

export interface FilePlan {
  readonly size: number
  /** Names below the site's root. All are the same bytes, on disk once; to a browser each is a file of its own. */
  readonly names: readonly string[]
}

/** A folder with files to serve and the benches' pages. Several servers may serve it at once. */
export class Site {
  readonly dir: string
  readonly #scratch: string

  private constructor(scratch: string) {
    this.#scratch = scratch
    this.dir = join(scratch, 'public')
  }

  static async make(files: readonly FilePlan[]): Promise<Site> {
    const site = new Site(await mkdtemp(join(tmpdir(), 'tributary-bench-site-')))
    await mkdir(site.dir)
    await writePages(site.dir)
    for (const { size, names } of files) {
      const [first, ...others] = names
      if (first === undefined) continue
      await writeNoise(join(site.dir, first), size)
      for (const name of others) await link(join(site.dir, first), join(site.dir, name))
    }
    return site
  }

  /** Puts a file that exists into the folder. */
  async add(name: string, path: string): Promise<void> {
    await copyFile(path, join(this.dir, name))
  }

  /**
   * Serves the folder as an origin of its own.
   * @param tributary whether pages get our tag; without it the site has no manifest that anybody asks for
   */
  async serve(tributary: boolean, manifest: Partial<ManifestOptions> = {}): Promise<RunningServer> {
    const server = await startServer({
      dir: this.dir,
      inject: tributary,
      // One folder for all servers: the first of them hashes.
      cacheFolder: join(this.#scratch, 'manifest'),
      manifest: { ...DEFAULT_OPTIONS, ...manifest },
    })
    await server.manifestReady
    return server
  }

  async remove(): Promise<void> {
    await rm(this.#scratch, { recursive: true, force: true })
  }
}

/** The same names for each round of a bench: `64-0.bin`, `64-1.bin`, ... */
export function namesOf(label: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${label}-${i}.bin`)
}

/** Bits per second, in millions, as bytes per second; undefined: unlimited. */
export function rateOf(megabits: number | undefined): number | undefined {
  return megabits === undefined ? undefined : (megabits * 1e6) / 8
}

const PAGES = ['downloads', 'link', 'webtorrent', 'mesh'] as const

const TAKES_OVER = `addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
`

/** Stores a file when it is first asked for, in records of 4 MiB, and answers with one Blob of them all. */
const BLOBS = `const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
const opening = indexedDB.open('blobs', 1)
opening.onupgradeneeded = () => opening.result.createObjectStore('blobs')
const opened = settled(opening)
async function store(mode) {
  return (await opened).transaction('blobs', mode).objectStore('blobs')
}
async function stored(url) {
  return settled((await store('readonly')).getAll(IDBKeyRange.bound([url], [url, []])))
}
async function fill(url) {
  for (let start = 0; ; start += 4 * 2 ** 20) {
    const headers = { range: 'bytes=' + start + '-' + (start + 4 * 2 ** 20 - 1) }
    const response = await fetch(url, { headers, cache: 'no-store' })
    if (response.status !== 206) return
    const blob = await response.blob()
    await settled((await store('readwrite')).put(blob, [url, start]))
  }
}
async function answer({ url }) {
  if ((await stored(url)).length === 0) await fill(url)
  return new Response(new Blob(await stored(url)))
}
addEventListener('message', () => globalThis.gc?.())
addEventListener('fetch', (event) => {
  if (event.request.url.endsWith('.bin')) event.respondWith(answer(event.request))
})
`

async function writePages(dir: string): Promise<void> {
  const folder = fileURLToPath(new URL('../page/', import.meta.url))
  for (const name of PAGES) {
    const { outputFiles } = await build({
      entryPoints: [join(folder, `${name}.ts`)],
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      ...leanSimplePeer,
    })
    await writeFile(join(dir, `bench-${name}.js`), outputFiles[0]?.contents ?? '')
    await writeFile(
      join(dir, `${name}.html`),
      `<!doctype html><meta charset="utf-8"><title>${name}</title><h1>${name}</h1><script type="module" src="bench-${name}.js"></script>\n`,
    )
  }
  await writeFile(
    join(dir, 'pass-through.js'),
    `${TAKES_OVER}addEventListener('fetch', (event) => event.respondWith(fetch(event.request)))
`,
  )
  await writeFile(join(dir, 'blobs.js'), TAKES_OVER + BLOBS)
}

/** Bytes that look like noise, the same for the same size. */
async function writeNoise(path: string, size: number): Promise<void> {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, size % 251), Buffer.alloc(16))
  const zeros = Buffer.alloc(4 * MiB)
  const file = await open(path, 'w')
  for (let at = 0; at < size; at += zeros.length)
    await file.write(cipher.update(zeros.subarray(0, Math.min(zeros.length, size - at))))
  await file.close()
}
