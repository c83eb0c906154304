import { createCipheriv, createHash } from 'node:crypto'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { DEFAULT_OPTIONS, type ManifestOptions } from '../../manifest-tool/build-manifest.ts'
import { type RunningServer, startServer } from '../../manifest-tool/serve/start-server.ts'
import { MANIFEST_NAME, type Manifest, parseManifest } from '../../protocol/manifest.ts'
import { applyFault, type Fault } from './faults.ts'
import { makeScratch, type Owner } from './scratch.ts'

export const VIDEO = 'videos/tributary.mp4'
const demoVideo =
  process.env.TRIBUTARY_TEST_VIDEO ?? fileURLToPath(new URL(`../../demo/site/${VIDEO}`, import.meta.url))
const kitSource = fileURLToPath(new URL('page/kit.ts', import.meta.url))

export interface SiteOptions {
  /** Files besides the page: name to contents, or to a number of bytes to make up. */
  readonly files?: Readonly<Record<string, Uint8Array | string | number>>
  /** Whether the demo's video is on the site. */
  readonly video?: boolean
  readonly manifest?: Partial<ManifestOptions>
  /** Whether pages get our tag; true when absent. */
  readonly inject?: boolean
  /** The origin's total uplink in bytes per second. */
  readonly egress?: number
}

/** A request as it reached the origin. */
export interface SeenRequest {
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  readonly headers: IncomingMessage['headers']
  /** The client left before the answer was complete. */
  aborted: boolean
}

/** A web site of its own for one test, on a port of its own: for browsers that is an origin without a past. */
export class Site {
  readonly url: string
  readonly dir: string
  readonly requests: SeenRequest[] = []
  readonly #start: (port: number) => Promise<RunningServer>
  readonly #faults = new Map<string, Fault>()
  #server: RunningServer | undefined
  #closedMetrics: RunningServer['metrics'][] = []

  constructor(server: RunningServer, dir: string, start: (port: number) => Promise<RunningServer>) {
    this.url = server.url
    this.dir = dir
    this.#start = start
    this.#adopt(server)
  }

  /** URL of a path such as `videos/a.mp4`. */
  at(path: string): string {
    return new URL(path, this.url).href
  }

  /** Body bytes that the origin has sent of a path. */
  bytesOf(path: string): number {
    const all = [...this.#closedMetrics, ...(this.#server ? [this.#server.metrics] : [])]
    return all.reduce((sum, metrics) => sum + metrics.bytesOf(`/${path}`), 0)
  }

  /** The manifest as the site would serve it without faults of ours. */
  async manifest(): Promise<Manifest> {
    this.setFault(MANIFEST_NAME, undefined)
    const response = await fetch(this.at(MANIFEST_NAME))
    return parseManifest(await response.json())
  }

  requestsOf(path: string): SeenRequest[] {
    return this.requests.filter(({ target }) => decodeURI(target.split('?')[0] ?? '') === `/${path}`)
  }

  /** Makes the answers for a path wrong from now on; undefined mends them. */
  setFault(path: string, fault: Fault | undefined): void {
    if (fault) this.#faults.set(`/${path}`, fault)
    else this.#faults.delete(`/${path}`)
  }

  /** @param rate bytes per second; undefined: unlimited */
  setEgress(rate: number | undefined): void {
    this.#server?.setEgress(rate)
  }

  /** Takes the origin away, tracker included: connections are refused from then on. */
  async stop(): Promise<void> {
    if (!this.#server) return
    const server = this.#server
    this.#closedMetrics.push(server.metrics)
    this.#server = undefined
    await server.close()
  }

  /** Brings it back at the same address. */
  async restart(): Promise<void> {
    await this.stop()
    const server = await this.#start(Number(new URL(this.url).port))
    this.#adopt(server)
    await server.manifestReady
  }

  #adopt(server: RunningServer): void {
    this.#server = server
    server.setFault((request, response) => this.#before(request, response))
  }

  #before(request: IncomingMessage, response: ServerResponse): boolean {
    const target = request.url ?? ''
    const seen = { method: request.method ?? '', target, headers: { ...request.headers }, aborted: false }
    this.requests.push(seen)
    response.once('close', () => {
      seen.aborted = !response.writableFinished
    })
    const fault = this.#faults.get(decodeURI(target.split('?')[0] ?? ''))
    return fault !== undefined && applyFault(response, fault)
  }
}

/** Makes a site in a temporary folder and serves it. Pages get our tag; `/kit.js` is the tests' own script. */
export async function openSite(owner: Owner, options: SiteOptions = {}): Promise<Site> {
  const scratch = await makeScratch(owner, 'site')
  const dir = join(scratch, 'public')
  const files = { 'index.html': pageText, 'kit.js': await kitText(), ...options.files }
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), typeof contents === 'number' ? madeUp(name, contents) : contents)
  }
  if (options.video) {
    await mkdir(dirname(join(dir, VIDEO)), { recursive: true })
    await copyFile(demoVideo, join(dir, VIDEO))
  }
  const start = (port: number) =>
    startServer({
      dir,
      port,
      cacheFolder: join(scratch, 'manifest'),
      manifest: { ...DEFAULT_OPTIONS, ...options.manifest },
      inject: options.inject ?? true,
      ...(options.egress !== undefined && { egress: options.egress }),
    })
  const server = await start(0)
  const site = new Site(server, dir, start)
  owner.after(() => site.stop())
  await server.manifestReady
  return site
}

/** Bytes that look like noise, the same for the same name. */
export function madeUp(name: string, size: number): Uint8Array {
  const key = createHash('sha256').update(name).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

const pageText = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test page</title>
<script src="/kit.js"></script></head><body></body></html>
`

let kit: Promise<string> | undefined

/** The page side of the harness as one script. */
function kitText(): Promise<string> {
  kit ??= build({ entryPoints: [kitSource], bundle: true, write: false, format: 'iife', target: 'es2022' }).then(
    ({ outputFiles }) => outputFiles[0]?.text ?? '',
  )
  return kit
}
