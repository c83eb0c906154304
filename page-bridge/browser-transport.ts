import SimplePeer from 'simple-peer'
import type { Clock } from '../mesh/clock.ts'
import { GATHER_MS, OWN_GATHER_MS, peerTransport } from '../mesh/peer-transport.ts'
import type { OpenSocket, Transport } from '../mesh/transport.ts'
import type { IceServer } from '../protocol/manifest.ts'

export const browserClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

export function browserTransport(iceServers: readonly IceServer[]): Transport {
  const config: RTCConfiguration = {
    iceServers: iceServers.map(({ urls, ...credentials }) => ({ urls: [...urls], ...credentials })),
  }
  // Counted from the first address on.
  const iceCompleteTimeout = iceServers.length > 0 ? GATHER_MS : OWN_GATHER_MS
  return peerTransport(
    ({ initiator }) => new SimplePeer({ initiator, trickle: false, iceCompleteTimeout, config }),
    browserClock,
  )
}

export const openWebSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url)
  socket.onopen = () => events.onOpen()
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'string') events.onText(data)
  }
  socket.onclose = () => events.onClose()
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: () => socket.close(),
  }
}
