import type { OpenSocket, TextSocketEvents } from '../../mesh/transport.ts'
import type { Line } from './line.ts'
import type { VirtualTime } from './time.ts'

/** Seconds between announces, as bittorrent-tracker asks for. */
const INTERVAL_S = 120

interface Connection {
  readonly line: Line
  readonly events: TextSocketEvents
  isOpen: boolean
  peerId: string | undefined
  hasAll: boolean
}

/** A WebTorrent tracker of one swarm: counts, and passes each offer on to somebody at random. */
export class SimTracker {
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #peers = new Map<string, Connection>()

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time
    this.#random = random
  }

  socketsOf(line: Line): OpenSocket {
    return (_url, events) => {
      const connection: Connection = { line, events, isOpen: true, peerId: undefined, hasAll: false }
      this.#later(connection, 4, () => events.onOpen())
      return {
        send: (text) => this.#later(connection, 1, () => this.#onText(connection, text)),
        close: () => {
          connection.isOpen = false
          this.#forget(connection)
          this.#time.after(0, () => events.onClose())
        },
      }
    }
  }

  #onText(connection: Connection, text: string): void {
    const message: unknown = JSON.parse(text)
    if (!isRecord(message) || typeof message.peer_id !== 'string') throw new TypeError('not an announce')
    if (isRecord(message.answer)) this.#passOn(String(message.to_peer_id), message)
    else if (message.event === 'stopped') this.#forget(connection)
    else this.#announced(connection, message.peer_id, message)
  }

  #announced(connection: Connection, peerId: string, message: Record<string, unknown>): void {
    connection.peerId = peerId
    connection.hasAll = message.left === 0
    this.#peers.set(peerId, connection)
    const complete = [...this.#peers.values()].filter(({ hasAll }) => hasAll).length
    const { info_hash } = message
    this.#say(connection, { interval: INTERVAL_S, info_hash, complete, incomplete: this.#peers.size - complete })
    const offers = Array.isArray(message.offers) ? message.offers.filter(isRecord) : []
    for (const [i, other] of this.#others(peerId, offers.length).entries())
      this.#passOn(other, { ...message, ...offers[i] })
  }

  #passOn(to: string, { info_hash, peer_id, offer_id, offer, answer }: Record<string, unknown>): void {
    const connection = this.#peers.get(to)
    if (connection) this.#say(connection, { info_hash, peer_id, offer_id, ...(answer ? { answer } : { offer }) })
  }

  #say(connection: Connection, message: object): void {
    const text = JSON.stringify({ action: 'announce', ...message })
    this.#later(connection, 1, () => connection.events.onText(text))
  }

  #others(peerId: string, count: number): string[] {
    const others = [...this.#peers.keys()].filter((other) => other !== peerId)
    return Array.from({ length: Math.min(count, others.length) }, () => {
      const [other = ''] = others.splice(Math.floor(this.#random() * others.length), 1)
      return other
    })
  }

  #forget({ peerId }: Connection): void {
    if (peerId !== undefined) this.#peers.delete(peerId)
  }

  /** After so many ways between the visitor and the tracker, while both are there. */
  #later(connection: Connection, ways: number, run: () => void): void {
    this.#time.after(ways * connection.line.options.latencyMs, () => connection.isOpen && run())
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
