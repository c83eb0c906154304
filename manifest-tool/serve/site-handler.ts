import type { IncomingMessage, ServerResponse } from 'node:http'
import { withDeadline } from '../../protocol/deadline.ts'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { distFolder, SITE_SCRIPTS } from '../package-files.ts'
import { HASH_FOLDER } from '../scan.ts'
import type { Egress } from './egress.ts'
import type { LiveManifest } from './live-manifest.ts'
import type { OriginMetrics, PathClass } from './metrics.ts'
import {
  allowOrigins,
  answerFile,
  answerPage,
  answerPreflight,
  answerScript,
  answerText,
  type Exchange,
} from './responses.ts'
import { pathOfTarget, resolveTarget, type SiteTarget } from './site-request.ts'

/** How long a visitor waits for the first manifest; after that the page goes on without. */
const MANIFEST_DEADLINE_MS = 10_000

export interface SiteHandlerOptions {
  /** Real path of the site's folder. */
  readonly root: string
  readonly live: LiveManifest
  readonly metrics: OriginMetrics
  readonly egress: Egress
  /** Whether pages get our tag. */
  readonly inject: boolean
}

/** Answers the requests of a site. */
export class SiteHandler {
  readonly #options: SiteHandlerOptions

  constructor(options: SiteHandlerOptions) {
    this.#options = options
  }

  /** Resolves when there is a manifest, the site's own or ours. */
  async manifestReady(): Promise<void> {
    const own = await resolveTarget(this.#options.root, `/${MANIFEST_NAME}`, '')
    if (own.kind === 'absent') await this.#options.live.refresh()
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    allowOrigins(response)
    if (request.method === 'OPTIONS') return answerPreflight(response)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD, OPTIONS')
      return answerText(response, 405, 'only GET and HEAD are answered here')
    }
    const path = pathOfTarget(request.url ?? '')
    if (path === undefined) return answerText(response, 400, 'the path is malformed')
    if (path === '/tributary/metrics') return this.#answerMetrics(response)
    if (path === '/announce') {
      response.setHeader('Upgrade', 'websocket')
      return answerText(response, 426, 'the tracker speaks WebSocket')
    }
    await this.#answerPath(path, request, response)
  }

  async #answerPath(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, egress, inject } = this.#options
    const query = /\?[^#]*/.exec(request.url ?? '')?.[0] ?? ''
    const target = await this.#find(path, query)
    const pathClass = target.kind === 'file' ? classOf(target.path) : 'other'
    const counted = target.kind === 'file' ? target.path : '(none)'
    response.once('close', () => metrics.addRequest(counted, pathClass, response.statusCode))
    const exchange: Exchange = {
      request,
      response,
      egress,
      onWritten: (bytes) => metrics.addBytes(counted, pathClass, bytes),
    }
    if (target.kind === 'busy') {
      response.setHeader('Retry-After', '5')
      answerText(response, 503, 'the manifest is being made')
    } else if (target.kind === 'folder') {
      response.setHeader('Location', target.location)
      answerText(response, 301, 'the folder ends in a slash')
    } else if (target.kind === 'malformed') answerText(response, 400, 'the path is malformed')
    else if (target.kind === 'absent') answerText(response, 404, 'not found')
    else if (inject && pathClass === 'page') await answerPage(exchange, target)
    else if (pathClass === 'script') await answerScript(exchange, target)
    else await answerFile(exchange, target)
  }

  /** The site's own file first, then what we can stand in with. */
  async #find(path: string, query: string): Promise<SiteTarget | { readonly kind: 'busy' }> {
    const { root, live } = this.#options
    const own = await resolveTarget(root, path, query)
    if (own.kind !== 'absent') return own
    const name = path.slice(1)
    if (SITE_SCRIPTS.some((script) => script === name)) return resolveTarget(distFolder, path, query)
    if (name === MANIFEST_NAME && !(await this.#manifestIsThere())) return { kind: 'busy' }
    if (name === MANIFEST_NAME || name.startsWith(`${HASH_FOLDER}/`)) return resolveTarget(live.folder, path, query)
    return own
  }

  async #manifestIsThere(): Promise<boolean> {
    const { live } = this.#options
    await withDeadline(live.refresh(), MANIFEST_DEADLINE_MS).catch(() => undefined)
    return live.exists
  }

  async #answerMetrics(response: ServerResponse): Promise<void> {
    const { registry } = this.#options.metrics
    const text = await registry.metrics()
    response.setHeader('Content-Type', registry.contentType)
    response.setHeader('Cache-Control', 'no-store')
    response.end(text)
  }
}

function classOf(path: string): PathClass {
  if (path === `/${MANIFEST_NAME}` || path.startsWith(`/${HASH_FOLDER}/`)) return 'manifest'
  if (SITE_SCRIPTS.some((script) => path === `/${script}`)) return 'script'
  return /\.html?$/i.test(path) ? 'page' : 'file'
}
