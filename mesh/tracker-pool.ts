import type { InfoHash } from '../protocol/units.ts'
import type { Clock } from './clock.ts'
import { parseTrackerMessage, type TrackerMessage } from './tracker-messages.ts'
import type { OpenSocket, TextSocket, TextSocketEvents } from './transport.ts'

/** What a swarm hears from the tracker that it uses. */
export interface TrackerListener {
  /** Texts can be sent from now on. */
  onOpen(): void
  onMessage(message: TrackerMessage): void
  /** The tracker could not be reached or was lost; it is tried again. */
  onDown(): void
}

/** One swarm's use of one tracker. */
export interface TrackerSubscription {
  /** Sends when the tracker is connected; says whether it was. */
  send(text: string): boolean
  leave(): void
}

export interface TrackerPoolOptions {
  readonly clock: Clock
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly openSocket: OpenSocket
}

const CONNECT_MS = 10_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 5 * 60_000
/** A socket that several swarms used is kept this long after the last one left: the next page of a site uses it. */
const LINGER_MS = 1_000

/** Tracker connections: one socket a URL, however many swarms use it. */
export class TrackerPool {
  readonly #options: TrackerPoolOptions
  readonly #trackers = new Map<string, Tracker>()

  constructor(options: TrackerPoolOptions) {
    this.#options = options
  }

  subscribe(url: string, infoHash: InfoHash, listener: TrackerListener): TrackerSubscription {
    let tracker = this.#trackers.get(url)
    if (tracker === undefined) {
      tracker = new Tracker(url, this.#options)
      this.#trackers.set(url, tracker)
    }
    return tracker.subscribe(infoHash, listener)
  }

  close(): void {
    for (const tracker of this.#trackers.values()) tracker.close()
    this.#trackers.clear()
  }
}

class Tracker {
  readonly #url: string
  readonly #options: TrackerPoolOptions
  readonly #listeners = new Map<InfoHash, TrackerListener>()
  #socket: TextSocket | undefined
  #isOpen = false
  #failures = 0
  #cancelTimer: (() => void) | undefined
  /** Not before this time: the tracker was unreachable. */
  #retryAtMs = 0

  constructor(url: string, options: TrackerPoolOptions) {
    this.#url = url
    this.#options = options
  }

  subscribe(infoHash: InfoHash, listener: TrackerListener): TrackerSubscription {
    this.#listeners.set(infoHash, listener)
    if (this.#isOpen) this.#later(0, () => this.#isOpen && this.#listeners.get(infoHash)?.onOpen())
    else if (this.#socket === undefined) this.#connectLater()
    return {
      send: (text) => {
        if (this.#isOpen) this.#socket?.send(text)
        return this.#isOpen
      },
      leave: () => {
        if (this.#listeners.get(infoHash) === listener) this.#listeners.delete(infoHash)
        if (this.#listeners.size === 0) this.#later(LINGER_MS, () => this.#listeners.size === 0 && this.close())
      },
    }
  }

  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const socket = this.#socket
    this.#socket = undefined
    this.#isOpen = false
    socket?.close()
  }

  #later(ms: number, run: () => void): void {
    this.#options.clock.after(ms, run)
  }

  #connectLater(): void {
    if (this.#cancelTimer !== undefined) return
    const waitMs = Math.max(0, this.#retryAtMs - this.#options.clock.now())
    this.#cancelTimer = this.#options.clock.after(waitMs, () => {
      this.#cancelTimer = undefined
      if (this.#listeners.size > 0) this.#connect()
    })
  }

  #connect(): void {
    let over = false
    const end = () => {
      if (over) return
      over = true
      cancelDeadline()
      if (this.#socket === socket) this.#down()
      socket?.close()
    }
    const socket = this.#open({
      onOpen: () => {
        if (over || this.#socket !== socket) return
        cancelDeadline()
        this.#isOpen = true
        for (const listener of [...this.#listeners.values()]) listener.onOpen()
      },
      onText: (text) => {
        if (this.#socket === socket) this.#onText(text)
      },
      onClose: end,
    })
    this.#socket = socket
    const cancelDeadline = this.#options.clock.after(CONNECT_MS, end)
    if (socket === undefined) end()
  }

  /** Sockets throw at what is no URL, and at what pages may not open. */
  #open(events: TextSocketEvents): TextSocket | undefined {
    try {
      return this.#options.openSocket(this.#url, events)
    } catch {
      return undefined
    }
  }

  #onText(text: string): void {
    const message = parseTrackerMessage(text)
    if (message.kind === 'nonsense') return
    this.#failures = 0
    if (message.infoHash !== undefined) this.#listeners.get(message.infoHash)?.onMessage(message)
  }

  /** Exponential back-off with full jitter, so that a tracker that comes back is not met by everybody at once. */
  #down(): void {
    this.#socket = undefined
    this.#isOpen = false
    const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++)
    this.#retryAtMs = this.#options.clock.now() + longestMs * (0.5 + this.#options.random() / 2)
    for (const listener of [...this.#listeners.values()]) listener.onDown()
    if (this.#listeners.size > 0) this.#connectLater()
  }
}

/** Trackers in the order in which a swarm prefers them: every peer of a swarm gets the same order. */
export function rendezvousOrder(urls: readonly string[], infoHash: InfoHash): string[] {
  const scored = urls.map((url) => ({ url, score: hash(`${url}\n${infoHash}`) }))
  return scored.sort((a, b) => b.score - a.score || (a.url < b.url ? -1 : 1)).map(({ url }) => url)
}

/** FNV-1a over UTF-16 units, then a finalizer that spreads the low bits (MurmurHash3). */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
