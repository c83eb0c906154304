import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuildProgress, DEFAULT_OPTIONS, type ManifestOptions } from '../build-manifest.ts'
import { Failure, systemErrorCode } from '../failure.ts'
import { realRoot } from '../scan.ts'
import { Egress } from './egress.ts'
import { LiveManifest } from './live-manifest.ts'
import { OriginMetrics } from './metrics.ts'
import { answerText } from './responses.ts'
import { SiteHandler } from './site-handler.ts'
import { Tracker } from './tracker.ts'

/** Sees each request first. True: it has answered, or will; false: the site answers. */
export type RequestHook = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>

export interface ServeOptions {
  /** Root of the site. Nothing is written into it. */
  readonly dir: string
  readonly host?: string
  /** 0: any free one. */
  readonly port?: number
  /** The origin's total uplink in bytes per second; unlimited when absent. */
  readonly egress?: number
  /** Whether pages get our tag; true when absent. */
  readonly inject?: boolean
  /** What a manifest made on the fly holds. */
  readonly manifest?: ManifestOptions
  /** Keeps the hashes of a manifest made on the fly from one run to the next; a temporary folder when absent. */
  readonly cacheFolder?: string
  readonly progress?: BuildProgress
  /** Told after each manifest made on the fly. */
  readonly onManifest?: (files: number, warnings: readonly string[]) => void
  /** Told of a request that failed on our side. */
  readonly onError?: (error: unknown) => void
  readonly before?: RequestHook
}

export interface RunningServer {
  /** Ends in `/`. */
  readonly url: string
  readonly port: number
  readonly metrics: OriginMetrics
  /** Folder of the site, without links. */
  readonly root: string
  /** Where the manifest lies: the site's own folder, else that of the one made on the fly. */
  readonly manifestFolders: readonly string[]
  /** Resolves when the site has a manifest to serve. */
  readonly manifestReady: Promise<void>
  /** @param rate bytes per second; undefined: unlimited */
  setEgress(rate: number | undefined): void
  setFault(hook: RequestHook | undefined): void
  /** @param graceMs how long responses on their way may still take */
  close(graceMs?: number): Promise<void>
}

/**
 * Serves a site with everything that Tributary needs: files, scripts, manifest, tracker.
 * @throws Failure when the folder cannot be read or the port cannot be had
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const root = await realRoot(options.dir)
  const temporary = options.cacheFolder === undefined ? await mkdtemp(join(tmpdir(), 'tributary-')) : undefined
  const parts = await makeParts(options, root, options.cacheFolder ?? temporary ?? '')
  const { handler, tracker, live, egress, metrics } = parts
  let hook = options.before
  const server = createServer((request, response) => {
    const answer = async () => {
      if (!(await hook?.(request, response))) await handler.handle(request, response)
    }
    answer().catch((error) => {
      options.onError?.(error)
      if (response.headersSent) response.destroy()
      else answerText(response, 500, 'the server failed')
    })
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (/^\/announce([?#]|$)/.test(request.url ?? '')) tracker.upgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  const host = options.host ?? '127.0.0.1'
  const port = await listen(server, host, options.port ?? 0).catch(async (error) => {
    if (temporary) await rm(temporary, { recursive: true, force: true })
    throw error
  })
  const manifestReady = handler.manifestReady()
  manifestReady.catch((error) => options.onError?.(error))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/`,
    port,
    metrics,
    root,
    manifestFolders: [root, live.folder],
    manifestReady,
    setEgress: (rate) => {
      egress.rate = rate
    },
    setFault: (next) => {
      hook = next
    },
    close: async (graceMs = 0) => {
      tracker.close()
      await live.close()
      await closeServer(server, graceMs)
      if (temporary) await rm(temporary, { recursive: true, force: true })
    },
  }
}

async function makeParts(options: ServeOptions, root: string, folder: string) {
  const metrics = new OriginMetrics()
  const egress = new Egress(options.egress)
  const tracker = new Tracker()
  const live = new LiveManifest({
    root,
    folder,
    manifest: options.manifest ?? DEFAULT_OPTIONS,
    ...(options.progress && { progress: options.progress }),
    ...(options.onManifest && { onMade: options.onManifest }),
  })
  metrics.gauge('tributary_origin_egress_limit_bytes', 'Bytes per second; 0: unlimited', () => egress.rate ?? 0)
  metrics.gauge('tributary_tracker_peers', 'Peers over all swarms of the tracker', () => tracker.peers)
  metrics.gauge('tributary_tracker_connections', 'Open connections to the tracker', () => tracker.connections)
  const handler = new SiteHandler({ root, live, metrics, egress, inject: options.inject ?? true })
  return { metrics, egress, tracker, live, handler }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(error, host, port)))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function listenFailure(error: Error, host: string, port: number): Error {
  const options = { cause: error }
  switch (systemErrorCode(error)) {
    case 'EADDRINUSE':
      return new Failure(`port ${port} on ${host} is in use`, 'choose another with --port, or 0 for any', options)
    case 'EACCES':
      return new Failure(`port ${port} is not allowed to this user`, 'choose one above 1023 with --port', options)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Failure(`${host} is not an address of this machine`, 'choose another with --host', options)
    default:
      return error
  }
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(force)
      resolve()
    })
    server.closeIdleConnections()
  })
}
