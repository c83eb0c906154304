import { expose } from 'comlink'
import { registerQuotaErrorCallback } from 'workbox-core/registerQuotaErrorCallback.js'
import {
  KEEPALIVE_MS,
  type PageMessage,
  STATS_INTERVAL_MS,
  type WorkerControl,
  type WorkerMessage,
} from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'
import { fieldsOf } from '../protocol/shape.ts'
import { PATIENCE } from '../supply/patience.ts'
import { Accelerator } from './accelerator.ts'
import { foreignAnswer } from './answer.ts'
import { isContinued, mightServe } from './route.ts'

declare const self: ServiceWorkerGlobalScope

/** File name under which the worker is registered when it is not a guest in the site's own worker. */
const OWN_NAME = /\/tributary-sw\.js$/

/** Pages are asked to keep the worker alive for this long at a time. */
const KEEPALIVE_FOR_MS = 3 * KEEPALIVE_MS

/** The service worker's events, and nothing else: what to do is the accelerator's business. */
export class TributaryWorker {
  readonly siteRoot = self.registration.scope
  #opening: Promise<Accelerator> | undefined
  #statsTimer: ReturnType<typeof setTimeout> | undefined
  readonly #streams = new Set<symbol>()
  #keepaliveTimer: ReturnType<typeof setInterval> | undefined

  /** Listens to all that a worker is told. Must be called while the script is first evaluated. */
  listen(): void {
    if (OWN_NAME.test(self.location.pathname)) self.addEventListener('install', () => void self.skipWaiting())
    this.listenAsGuest()
    self.addEventListener('fetch', (event) => this.#onFetch(event))
  }

  /** The same, but requests are led here by somebody else, through `handle`. */
  listenAsGuest(): void {
    // Another part of the site has run out of room.
    registerQuotaErrorCallback(async () => (await this.#accelerator()).makeRoom())
    self.addEventListener('install', (event) => event.waitUntil(this.#install()))
    self.addEventListener('message', (event) => this.#onMessage(event))
  }

  /** Answers a request, or undefined at once when it is not for us. */
  handle(request: Request, event: ExtendableEvent & { readonly clientId?: string }): Promise<Response> | undefined {
    if (!mightServe(request, this.siteRoot)) return undefined
    const { clientId = '' } = event
    const opening = this.#accelerator()
    const response = withDeadline(opening, PATIENCE.prepare)
      .then((accelerator) => accelerator.respond(request, clientId))
      // Whatever goes wrong before the first byte ends in what the origin itself would have answered.
      .catch(async () => {
        const isMade = opening.then(({ natives }) => natives.isMade(clientId, request, false))
        // In the middle of a film the browser takes no other answers than before.
        return foreignAnswer(request, isContinued(request) && (await isMade))
      })
    const idle = () => opening.then(({ lifetime }) => lifetime.idle())
    event.waitUntil(response.then(idle, idle))
    return response
  }

  #accelerator(): Promise<Accelerator> {
    this.#opening ??= Accelerator.open({
      siteRoot: this.siteRoot,
      userAgent: navigator.userAgent,
      broadcast: (message) => void broadcast(message).catch(() => {}),
      statsChanged: () => this.#reportStats(),
      streaming: () => this.#streaming(),
    })
    return this.#opening
  }

  async #install(): Promise<void> {
    const { site } = await this.#accelerator()
    await site.revalidate()
  }

  #onFetch(event: FetchEvent): void {
    const response = this.handle(event.request, event)
    if (response) event.respondWith(response)
  }

  #onMessage(event: ExtendableMessageEvent): void {
    const message: unknown = event.data
    if (!isPageMessage(message)) return
    if (message.tributary === 'keepalive') return
    event.waitUntil(
      this.#accelerator().then((accelerator) => {
        if (message.tributary === 'claim') return claim(accelerator)
        if (message.tributary === 'native') accelerator.natives.name(sourceId(event), message.native)
        else if (message.tributary === 'host') accelerator.mesh.accept(message.id, message.calls, message.events)
        else if (message.tributary === 'control') expose(controlOf(accelerator), message.port)
        else accelerator.playbacks.report(sourceId(event), message.url, message)
      }),
    )
  }

  #reportStats(): void {
    this.#statsTimer ??= setTimeout(() => {
      this.#statsTimer = undefined
      void this.#accelerator().then((accelerator) => broadcast({ tributary: 'stats', stats: accelerator.stats() }))
    }, STATS_INTERVAL_MS)
  }

  /** While answers are streamed, pages are asked to keep the worker alive: Firefox kills it after 30 s otherwise. */
  #streaming(): () => void {
    const stream = Symbol('stream')
    this.#streams.add(stream)
    const ask = () => void broadcast({ tributary: 'keep-alive', forMs: KEEPALIVE_FOR_MS })
    // Most answers are over before the first call, and pages are busy with their bytes.
    this.#keepaliveTimer ??= setInterval(ask, KEEPALIVE_MS / 2)
    return () => {
      this.#streams.delete(stream)
      if (this.#streams.size > 0) return
      clearInterval(this.#keepaliveTimer)
      this.#keepaliveTimer = undefined
    }
  }
}

function controlOf(accelerator: Accelerator): WorkerControl {
  return {
    stats: async () => accelerator.stats(),
    state: async () => accelerator.state(),
    setMode: (mode) => accelerator.setMode(mode),
    setSharing: (sharing) => accelerator.setSharing(sharing),
    clear: () => accelerator.clear(),
    serves: async (url) => accelerator.serves(url),
  }
}

async function broadcast(message: WorkerMessage): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  for (const page of pages) if (page.url.startsWith(self.registration.scope)) page.postMessage(message)
}

function sourceId({ source }: ExtendableMessageEvent): string {
  return source instanceof Client ? source.id : ''
}

/** Messages of the site's own scripts to its worker pass by. */
function isPageMessage(value: unknown): value is PageMessage {
  const { tributary, id, calls, events, port, url, slackMs, lengthMs, native } = fieldsOf(value)
  if (tributary === 'host') return typeof id === 'string' && isPort(calls) && isPort(events)
  if (tributary === 'control') return isPort(port)
  if (tributary === 'playback')
    return typeof url === 'string' && typeof slackMs === 'number' && typeof lengthMs === 'number'
  if (tributary === 'native') return Array.isArray(native)
  return tributary === 'claim' || tributary === 'keepalive'
}

/** Takes all open pages of the site, whatever they have begun to load. */
async function claim({ natives }: Accelerator): Promise<void> {
  const { clients } = self
  const ours = (await clients.matchAll()).map(({ id }) => id)
  const all = await clients.matchAll({ includeUncontrolled: true })
  natives.claim(all.flatMap(({ id }) => (ours.includes(id) ? [] : id)))
  await clients.claim()
}

function isPort(value: unknown): value is MessagePort {
  return value instanceof MessagePort
}
