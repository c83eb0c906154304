import type { Link, Negotiation, Offer, Transport } from '../../mesh/transport.ts'
import type { IceServer } from '../../protocol/manifest.ts'
import { KiB } from '../../protocol/units.ts'
import { reasonOf } from '../errors.ts'
import type { ConnectionId, FromWebRtc, ToWebRtc } from './messages.ts'
import { loadNativeTransport } from './native-transport.ts'

// The process that WebRtcProcess starts: makes connections as it is told.

/** As much has left before the other side hears of it, unless all has. */
const REPORT_BYTES = 64 * KiB

interface Connection {
  negotiation?: Negotiation | Offer
  link?: Link
  /** Bytes to be sent since it opened, and those that the other side knows to have left. */
  sent: number
  reported: number
  isClosed: boolean
}

const connections = new Map<ConnectionId, Connection>()

// What ends the program (a terminal, systemd) signals all of its processes: this one goes on until the program has sent
// what it had begun to send.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
// At once: taken down in order, @roamhq/wrtc finalizes a connection after the channels that it refers to, and faults.
process.on('disconnect', () => process.exit())

loadNativeTransport().then(
  (makeTransport) => {
    process.on('message', (message: ToWebRtc) => act(message, makeTransport))
    tell({ kind: 'ready' })
  },
  (error: unknown) => tell({ kind: 'unavailable', reason: reasonOf(error) }),
)

function tell(message: FromWebRtc): void {
  if (process.connected) process.send?.(message, () => undefined) // who has gone needs no answer
}

function act(message: ToWebRtc, makeTransport: (iceServers: readonly IceServer[]) => Transport): void {
  const { kind, id } = message
  if (kind === 'offer') void connect(id, () => makeTransport(message.iceServers).offer())
  else if (kind === 'answer') void connect(id, () => makeTransport(message.iceServers).answer(message.sdp))
  else {
    const connection = connections.get(id)
    if (connection === undefined) return
    if (kind === 'send') send(connection, message.bytes)
    else if (kind === 'close') close(id, connection)
    else if (connection.negotiation && 'accept' in connection.negotiation) connection.negotiation.accept(message.sdp)
  }
}

async function connect(id: ConnectionId, negotiate: () => Promise<Negotiation | Offer>): Promise<void> {
  const connection: Connection = { sent: 0, reported: 0, isClosed: false }
  connections.set(id, connection)
  try {
    const negotiation = await negotiate()
    connection.negotiation = negotiation
    if (connection.isClosed) negotiation.abandon()
    tell({ kind: 'described', id, sdp: negotiation.sdp })
    const link = await negotiation.opened
    connection.link = link
    if (connection.isClosed) link.close()
    // Before it listens, which hands over what has come.
    tell({ kind: 'opened', id, channel: link.channel })
    link.listen({
      onMessage: (bytes) => tell({ kind: 'received', id, bytes }),
      onDrain: () => report(id, connection),
      onClose: () => forget(id, 'the connection was closed'),
    })
  } catch (error) {
    forget(id, reasonOf(error))
  }
}

function send(connection: Connection, bytes: Uint8Array): void {
  connection.sent += bytes.length
  connection.link?.send(bytes)
}

function report(id: ConnectionId, connection: Connection): void {
  const buffered = connection.link?.buffered ?? 0
  const left = connection.sent - buffered
  if (buffered > 0 && left - connection.reported < REPORT_BYTES) return
  connection.reported = left
  tell({ kind: 'left', id, bytes: left })
}

function close(id: ConnectionId, connection: Connection): void {
  connection.isClosed = true
  connections.delete(id)
  if (connection.link) connection.link.close()
  else connection.negotiation?.abandon()
}

function forget(id: ConnectionId, reason: string): void {
  connections.delete(id)
  tell({ kind: 'closed', id, reason })
}
