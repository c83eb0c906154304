import { type ChildProcess, fork } from 'node:child_process'
import type { Negotiation, Offer, Transport } from '../../mesh/transport.ts'
import type { IceServer } from '../../protocol/manifest.ts'
import { RemoteConnection } from './connection.ts'
import type { ConnectionId, FromWebRtc, ToWebRtc } from './messages.ts'

/** Makes transports for the ICE servers that a manifest names. */
export interface TransportMaker {
  (iceServers: readonly IceServer[]): Transport
  /** Calls the listener whenever all connections are about to be lost at once; new ones can be made. @returns ends that */
  readonly onCrash?: (listener: CrashListener) => () => void
}

/** @param how by which signal or exit code it ended */
type CrashListener = (how: string) => void

/** Threads that share few arenas leave fewer holes in memory (mallopt(3)): a seventh less after 800 connections. */
const ARENAS = '2'
/** Messages live for a moment: a small nursery lets go of them sooner, at the same throughput, a sixth less memory with 50 peers. */
const YOUNG = '--max-semi-space-size=1'

/**
 * WebRTC in a process of its own, as it crashes. When the other side ends its connection, @roamhq/wrtc 0.10 lets go of the
 * data channel on a thread of its own (`RTCDataChannel::OnStateChange`), while `RTCDataChannel::Send` looks at it twice: a
 * visitor who leaves while we send to it can be a segmentation fault. To a sender without pause it happened within 200
 * visitors, and to an edge once in some 400. Nothing in JavaScript comes between the two looks, so the fault is contained: all
 * connections are lost, those who had them come back, and another process makes them. Nothing else of the program is.
 */
export class WebRtcProcess {
  readonly #connections = new Map<ConnectionId, RemoteConnection>()
  readonly #crashListeners = new Set<CrashListener>()
  #child: ChildProcess | undefined
  #ids = 0

  readonly makeTransport: TransportMaker = Object.assign(
    (iceServers: readonly IceServer[]) => this.#transport(iceServers),
    {
      onCrash: (listener: CrashListener) => {
        this.#crashListeners.add(listener)
        return () => this.#crashListeners.delete(listener)
      },
    },
  )

  /** @throws Error when WebRTC does not load on this machine */
  static async start(): Promise<WebRtcProcess> {
    const webRtc = new WebRtcProcess()
    await new Promise<void>((resolve, reject) => {
      const child = webRtc.#running()
      child.once('message', (message: FromWebRtc) => {
        if (message.kind === 'unavailable') reject(new Error(message.reason))
        else resolve()
      })
      child.once('exit', (code, signal) => reject(new Error(`its process ends (${signal ?? code})`)))
    })
    webRtc.#rest()
    return webRtc
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  #transport(iceServers: readonly IceServer[]): Transport {
    return {
      offer: async () => {
        const connection = this.#connect((id) => ({ kind: 'offer', id, iceServers }))
        const negotiation = await connection.described
        return { ...negotiation, accept: (sdp) => connection.accept(sdp) } satisfies Offer
      },
      answer: async (sdp): Promise<Negotiation> =>
        await this.#connect((id) => ({ kind: 'answer', id, iceServers, sdp })).described,
    }
  }

  #connect(first: (id: ConnectionId) => ToWebRtc): RemoteConnection {
    const id = ++this.#ids
    const child = this.#running()
    const connection = new RemoteConnection(id, {
      tell: (message) => {
        if (child.connected) child.send(message, () => undefined) // its end is told by `exit`
      },
      forget: () => {
        this.#connections.delete(id)
        this.#rest()
      },
    })
    this.#connections.set(id, connection)
    child.ref()
    child.channel?.ref()
    child.send(first(id), () => undefined)
    return connection
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child
    const isSource = import.meta.url.endsWith('.ts')
    const child = fork(new URL(isSource ? 'child.ts' : 'webrtc-child.js', import.meta.url), {
      execArgv: [YOUNG, ...(isSource ? ['--import', import.meta.resolve('tsx')] : [])],
      env: { MALLOC_ARENA_MAX: ARENAS, ...process.env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child = child
    child.on('message', (message: FromWebRtc) => this.#hear(message))
    child.on('error', () => undefined) // it could not be started: `exit` follows, or the deadline of whoever waits
    child.on('exit', (code, signal) => this.#lost(child, `${signal ?? code}`))
    return child
  }

  #hear(message: FromWebRtc): void {
    if ('id' in message) this.#connections.get(message.id)?.hear(message)
  }

  #lost(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    const lost = [...this.#connections.values()]
    this.#connections.clear()
    for (const listener of this.#crashListeners) listener(how)
    for (const connection of lost) connection.end('the WebRTC process has ended')
  }

  /** A program without connections may end. */
  #rest(): void {
    if (this.#connections.size > 0) return
    this.#child?.unref()
    this.#child?.channel?.unref()
  }
}
