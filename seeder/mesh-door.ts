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

/**
 * Takes offers over a WebSocket, as a tracker does whose only peer is this client: others come back by it when there is no
 * tracker. All linked clients are told of its address.
 */
export async function openDoor(mesh: Mesh, { port, host = '127.0.0.1', url }: DoorOptions): Promise<Door> {
  const server = new WebSocketServer({ port, host, maxPayload: MAX_TEXT, perMessageDeflate: false })
  await once(server, 'listening')
  const bound = server.address()
  const ownUrl = url ?? `ws://${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}/`
  server.on('connection', (socket) => {
    if (server.clients.size > MAX_VISITORS) socket.terminate()
    else welcome(mesh, socket)
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

function welcome(mesh: Mesh, socket: WebSocket): void {
  const timer = setTimeout(() => socket.terminate(), VISIT_MS)
  let isAnswered = false
  socket.on('error', () => undefined) // `close` follows
  socket.on('close', () => clearTimeout(timer))
  socket.on('message', async (data, isBinary) => {
    const announce = isBinary ? undefined : parseAnnounce(data.toString())
    if (announce?.infoHash !== mesh.network) return
    const { infoHash, peerId: toPeerId } = announce
    socket.send(encodeAnnounced({ infoHash, intervalS: INTERVAL_S, peers: 2 }))
    const [offer] = announce.offers
    if (offer === undefined || isAnswered) return
    isAnswered = true
    const sdp = await mesh.answer(offer.sdp).catch(() => undefined)
    if (sdp !== undefined)
      socket.send(encodeAnswer({ infoHash, peerId: mesh.peerId, toPeerId, offerId: offer.offerId, sdp }))
  })
}
