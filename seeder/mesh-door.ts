import { once } from 'node:events'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Mesh } from '../mesh/mesh.ts'
import { encodeAnswer } from '../mesh/tracker-messages.ts'
import { encodeAnnounced, parseAnnounce } from '../mesh/tracker-requests.ts'
import { KiB } from '../protocol/units.ts'

export interface DoorOptions {
  /** 0 for any that is free. */
  readonly port: number
  readonly host?: string
  /** What others are to call; by default what was bound. */
  readonly url?: string
}

export interface Door {
  readonly url: string
  close(): void
}

/** Offers of some kilobytes, five at most. */
const MAX_TEXT = 64 * KiB
const MAX_VISITORS = 256
/** Who has not got in by then is let go. */
const VISIT_MS = 60_000
const INTERVAL_S = 600
/** Texts of one visitor: who is let in needs two. */
const MAX_TEXTS = 40
/**
 * Connections in the making, in all and with one address, and how long they may take: each holds sockets, and offers that
 * nobody stands behind would use up all that a process may open.
 */
const MAX_WELCOMES = 8
const MAX_WELCOMES_OF_ADDRESS = 4
const CONNECT_MS = 15_000

/**
 * Takes offers over a WebSocket, as a tracker does whose only peer is this client: others come back by it when there is no
 * tracker. All linked clients are told of its address.
 */
export async function openDoor(mesh: Mesh, { port, host = '127.0.0.1', url }: DoorOptions): Promise<Door> {
  const server = new WebSocketServer({ port, host, maxPayload: MAX_TEXT, perMessageDeflate: false })
  await once(server, 'listening')
  const bound = server.address()
  const ownUrl = url ?? `ws://${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}/`
  const reception = new Reception(mesh)
  server.on('connection', (socket, { socket: { remoteAddress = '' } }) => {
    if (server.clients.size > MAX_VISITORS) socket.terminate()
    else reception.meet(socket, remoteAddress)
  })
  server.on('error', () => undefined) // one visitor's affair
  const close = () => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  }
  try {
    mesh.tellAddress(ownUrl)
  } catch (error) {
    close()
    throw error
  }
  return { url: ownUrl, close }
}

/** Lets visitors in, a few at a time. */
class Reception {
  readonly #mesh: Mesh
  /** Addresses of those who are being let in. */
  #entering: readonly string[] = []

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  meet(socket: WebSocket, address: string): void {
    const timer = setTimeout(() => socket.terminate(), VISIT_MS)
    let texts = 0
    let isAnswered = false
    socket.on('error', () => undefined) // `close` follows
    socket.on('close', () => clearTimeout(timer))
    socket.on('message', async (data, isBinary) => {
      if (++texts > MAX_TEXTS) socket.terminate()
      const announce = isBinary || texts > MAX_TEXTS ? undefined : parseAnnounce(data.toString())
      if (announce?.infoHash !== this.#mesh.network) return
      const { infoHash, peerId: toPeerId } = announce
      socket.send(encodeAnnounced({ infoHash, intervalS: INTERVAL_S, peers: 2 }))
      const [offer] = announce.offers
      if (offer === undefined || isAnswered || !this.#hasRoom(address)) return
      isAnswered = true
      const sdp = await this.#welcome(offer.sdp, address)
      if (sdp !== undefined)
        socket.send(encodeAnswer({ infoHash, peerId: this.#mesh.peerId, toPeerId, offerId: offer.offerId, sdp }))
    })
  }

  #hasRoom(address: string): boolean {
    const ofAddress = this.#entering.filter((other) => other === address).length
    return this.#entering.length < MAX_WELCOMES && ofAddress < MAX_WELCOMES_OF_ADDRESS
  }

  /** @returns our answer; undefined when there is none */
  async #welcome(offer: string, address: string): Promise<string | undefined> {
    this.#entering = [...this.#entering, address]
    const leave = () => {
      const at = this.#entering.indexOf(address)
      this.#entering = this.#entering.filter((_, i) => i !== at)
    }
    const welcome = await this.#mesh.welcome(offer, CONNECT_MS).catch(() => undefined)
    if (welcome === undefined) leave()
    else void welcome.connected.then(leave)
    return welcome?.answer
  }
}
