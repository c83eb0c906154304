/// <reference path="./bittorrent-tracker.d.ts" />
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
// The server alone: the package's main module pulls in a native WebRTC client.
import Server from 'bittorrent-tracker/server'
import type { WebSocket } from 'ws'

/** Announces are some kilobytes of SDP for each of at most ten offers. */
const MAX_MESSAGE = 1024 * 1024

/** A WebTorrent tracker on somebody else's HTTP server. */
export class Tracker {
  readonly #server: Server
  readonly #sockets = new Set<WebSocket>()

  constructor() {
    this.#server = new Server({
      udp: false,
      http: false,
      stats: false,
      ws: { noServer: true, maxPayload: MAX_MESSAGE },
    })
    // What a client sent wrong is the client's affair.
    this.#server.on('warning', () => {})
    this.#server.on('error', () => {})
  }

  /** Takes over a connection that asked to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.ws.handleUpgrade(request, socket, head, (client) => {
      this.#sockets.add(client)
      client.on('close', () => this.#sockets.delete(client))
      this.#server.ws.emit('connection', client, request)
    })
  }

  /** Peers over all swarms; one that is in two swarms counts twice. */
  get peers(): number {
    return Object.values(this.#server.torrents).reduce((sum, swarm) => sum + swarm.peers.length, 0)
  }

  get connections(): number {
    return this.#sockets.size
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate()
    this.#server.close()
  }
}
