import { WebSocket } from 'ws'
import type { OpenSocket } from '../mesh/transport.ts'
import { KiB } from '../protocol/units.ts'

/** A tracker's texts are some kilobytes of SDP at most. */
const MAX_TEXT = 128 * KiB
/** A connection that a router or a crashed tracker let die silently is noticed after two of these. */
const PING_MS = 30_000

/** Tracker sockets on Node. A socket that does not answer pings counts as closed. */
export const openNodeSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url, { maxPayload: MAX_TEXT, perMessageDeflate: false })
  let isAlive = true
  const pings = setInterval(() => {
    if (!isAlive) socket.terminate()
    isAlive = false
    if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, PING_MS)
  socket.on('open', () => events.onOpen())
  socket.on('pong', () => {
    isAlive = true
  })
  socket.on('message', (data, isBinary) => {
    isAlive = true
    if (!isBinary) events.onText(data.toString())
  })
  socket.on('error', () => undefined) // `close` follows
  socket.on('close', () => {
    clearInterval(pings)
    events.onClose()
  })
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: () => {
      // Before the connection stands there is nobody to say goodbye to.
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate()
      else socket.close()
    },
  }
}
