import type { Fallback, WorkerMessage, WorkerState, WorkerStats } from '../protocol/bridge.ts'
import type { Device } from './device.ts'
import { DownloadLinks } from './download-links.ts'
import { Keepalive } from './keepalive.ts'
import { LazyMesh, type MeshModule } from './lazy-mesh.ts'
import { Leadership } from './leadership.ts'
import { loadedUrls, reloadUntouched } from './media-reload.ts'
import type { BridgeOptions } from './options.ts'
import { reportPlayback } from './playback.ts'
import { type Registered, takeControl } from './registration.ts'
import { SessionStats } from './session-stats.ts'
import { Sharing } from './sharing.ts'
import { watchStrain } from './strain.ts'
import { WorkerLink } from './worker-link.ts'

/** How things stand once `ready` has resolved. */
export interface State extends WorkerState {
  /** Whether the worker controls this page, and if not, why. */
  readonly worker: Registered
  /** `standby`: it starts when a file is asked for. `off`: it cannot run here. */
  readonly mesh: 'standby' | 'off'
}

/** What there is without a worker: plain HTTP. */
const NO_WORKER: WorkerState = { mode: 'off', manifest: 'none', files: 0, store: 'none', sharing: false }
const NO_STATS: WorkerStats = { bytes: { cache: 0, peers: 0, origin: 0, uploaded: 0 }, peers: 0, chunks: [] }

/** Bytes are counted since the page's first visit in this session. */
export type Stats = WorkerStats

/** A peer joined or left. */
export interface PeerChange {
  /** Connected peers now. */
  readonly peers: number
}

interface EventDetails {
  stats: Stats
  peer: PeerChange
  fallback: Fallback
}

declare global {
  interface Window {
    /** There once the page script has run. */
    tributary?: Tributary
  }
}

/** What `window.tributary` is. */
export class Tributary extends EventTarget {
  readonly ready: Promise<State>
  readonly #options: BridgeOptions
  readonly #id = crypto.randomUUID()
  readonly #worker = new WorkerLink()
  readonly #stats = new SessionStats()
  readonly #keepalive = new Keepalive(() => this.#worker.post({ tributary: 'keepalive' }))
  readonly #sharing: Sharing
  readonly #mesh: LazyMesh
  readonly #leadership: Leadership
  #peers = 0

  constructor(options: BridgeOptions) {
    super()
    this.#options = options
    this.#sharing = new Sharing({
      consent: options.consent,
      caps: options.uploadCaps,
      uploadLimit: options.uploadLimit,
      device: navigator as Navigator & Device,
      onChange: (allowed) => this.#mesh.applySharing(allowed),
    })
    this.#mesh = new LazyMesh({
      load: () => import(new URL('tributary-mesh.js', options.scripts).href) as Promise<MeshModule>,
      uploadLimit: options.uploadLimit,
      isSharing: () => this.#sharing.allowed,
      onUpload: (bytes) => this.#sharing.uploaded(bytes),
      onSharing: (sharing) => {
        this.#sharing.wanted = sharing
      },
    })
    this.#leadership = new Leadership(() => this.#offerHost())
    this.#listen()
    this.ready = this.#start()
  }

  /** Counters since the page's first visit in this session. @throws DeadlineMissed when the worker does not answer */
  async stats(): Promise<Stats> {
    if (!this.#worker.isControlled) return NO_STATS
    return this.#stats.relative(await this.#worker.call((control) => control.stats()))
  }

  /** Turns upload on or off, now and on later visits. This is also the visitor's answer where consent is asked for. */
  async setSharing(sharing: boolean): Promise<void> {
    this.#sharing.decide(sharing)
    if (this.#worker.isControlled) await this.#worker.call((control) => control.setSharing(sharing))
  }

  /** Forgets all chunks, counters and settings. */
  async clear(): Promise<void> {
    await this.#worker.call((control) => control.clear(), 30_000)
    this.#stats.clear()
  }

  /** Listeners get a CustomEvent; see EventDetails for what `detail` is. */
  override addEventListener<K extends keyof EventDetails>(
    type: K,
    listener: (event: CustomEvent<EventDetails[K]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  override addEventListener(
    type: string,
    // biome-ignore lint/suspicious/noExplicitAny: the overloads say what a listener gets
    listener: ((event: any) => void) | EventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options)
  }

  async #start(): Promise<State> {
    const root = new URL('./', this.#options.worker ?? location.href).href
    let native: readonly string[] = []
    if (!this.#worker.isControlled)
      navigator.serviceWorker?.addEventListener(
        'controllerchange',
        () => {
          native = loadedUrls(document, root)
          this.#worker.post({ tributary: 'native', native })
        },
        { once: true },
      )
    const worker = await takeControl(this.#options.worker)
    const mesh = 'RTCPeerConnection' in globalThis ? 'standby' : 'off'
    if (worker !== 'active') return { ...NO_WORKER, worker, mesh: 'off' }
    const details = await this.#greet().catch(() => NO_WORKER)
    if (this.#leadership.leads) this.#offerHost()
    await reloadUntouched(document, root, native, (url) => this.#serves(url))
    reportPlayback((url, slackMs, lengthMs) => this.#worker.post({ tributary: 'playback', url, slackMs, lengthMs }))
    watchStrain(() => this.#mesh.easeUpload())
    new DownloadLinks((url) => this.#worker.call((control) => control.serves(url)))
    return { ...details, worker, mesh }
  }

  /** First words with the worker: the page's options, and where the counters stand. */
  async #greet(): Promise<WorkerState> {
    await this.stats()
    const state = await this.#worker.call((control) => control.state())
    const { mode } = this.#options
    // The tag decides each time, so that a site that takes the attribute away is back to normal.
    if (mode !== state.mode) await this.#worker.call((control) => control.setMode(mode))
    this.#sharing.wanted = state.sharing
    return { ...state, mode, sharing: this.#sharing.allowed }
  }

  #serves(url: string): Promise<boolean> {
    return this.#worker.call((control) => control.serves(url)).catch(() => false)
  }

  #listen(): void {
    navigator.serviceWorker?.addEventListener('message', (event: MessageEvent<unknown>) => {
      if (isWorkerMessage(event.data)) this.#onMessage(event.data)
    })
    // Listeners added this way start the queue only when told to.
    navigator.serviceWorker?.startMessages()
    navigator.serviceWorker?.addEventListener('controllerchange', () => this.#offerHost())
    addEventListener('pagehide', () => {
      this.#sharing.save()
      this.#mesh.close()
    })
  }

  #onMessage(message: WorkerMessage): void {
    switch (message.tributary) {
      case 'need-host':
        this.#offerHost()
        break
      case 'keep-alive':
        this.#keepalive.extend(message.forMs)
        break
      case 'stats':
        this.#onStats(this.#stats.relative(message.stats))
        break
      case 'fallback':
        this.#emit('fallback', message.fallback)
        break
    }
  }

  #offerHost(): void {
    if (!this.#leadership?.leads || !this.#worker.isControlled) return
    const { calls, events } = this.#mesh.ports()
    this.#worker.post({ tributary: 'host', id: this.#id, calls, events }, [calls, events])
  }

  #onStats(stats: Stats): void {
    this.#emit('stats', stats)
    if (stats.peers !== this.#peers) this.#emit('peer', { peers: stats.peers })
    this.#peers = stats.peers
  }

  #emit<K extends keyof EventDetails>(type: K, detail: EventDetails[K]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function isWorkerMessage(data: unknown): data is WorkerMessage {
  return typeof data === 'object' && data !== null && 'tributary' in data
}
