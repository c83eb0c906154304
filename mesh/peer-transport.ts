import { channelOf } from './channel.ts'
import type { Clock } from './clock.ts'
import type { Link, LinkEvents, Negotiation, Offer, Transport } from './transport.ts'

// simple-peer as a Transport. The constructor is handed in, as browsers and Node bring different WebRTC.

/** The part of simple-peer that is used. */
export interface StreamPeer {
  /** Bytes in the data channel. */
  readonly bufferSize: number
  /** Bytes in the stream before it. */
  readonly writableLength: number
  signal(description: { type: 'offer' | 'answer'; sdp: string }): void
  write(bytes: Uint8Array, done: () => void): boolean
  on(event: 'signal' | 'data', listener: (value: unknown) => void): unknown
  on(event: 'connect' | 'close' | 'error', listener: () => void): unknown
  destroy(): void
}

/** Makes a peer that does not trickle: the one description it signals holds all candidates. */
export type CreatePeer = (options: { initiator: boolean }) => StreamPeer

/** Candidates that are not gathered by then are left out; simple-peer is told the same. */
export const GATHER_MS = 1_500
/**
 * The same where no servers are asked: our own addresses come together, and only 0.1 s later browsers say that there are no
 * more. One that came too late to be named is found by ICE's checks.
 */
export const OWN_GATHER_MS = 30
/** No description at all by then: WebRTC does not work here. */
const DESCRIPTION_MS = 5_000
/** Below this, the sender is told to go on. */
const LOW_WATER = 128 * 1024

export function peerTransport(create: CreatePeer, clock: Clock): Transport {
  return {
    offer: async () => {
      const peer = create({ initiator: true })
      const remote: Remote = {}
      const negotiation = await negotiate(peer, clock, remote)
      const accept = (sdp: string) => {
        remote.sdp = sdp
        quietly(() => peer.signal({ type: 'answer', sdp }))
      }
      return { ...negotiation, accept } satisfies Offer
    },
    answer: async (sdp) => {
      const peer = create({ initiator: false })
      const negotiation = negotiate(peer, clock, { sdp })
      quietly(() => peer.signal({ type: 'offer', sdp }))
      return await negotiation
    },
  }
}

/** A peer that was destroyed meanwhile throws; its close event has told everybody. */
function quietly(act: () => void): void {
  try {
    act()
  } catch {}
}

/** What the other side says about itself, once it has. */
interface Remote {
  sdp?: string
}

async function negotiate(peer: StreamPeer, clock: Clock, remote: Remote): Promise<Negotiation> {
  let local = ''
  let isOpen = false
  const opened = new Promise<Link>((resolve, reject) => {
    // Data can arrive in the task after `connect`: the link takes over the listeners before that.
    peer.on('connect', () => {
      isOpen = true
      resolve(new PeerLink(peer, channelOf(local, remote.sdp ?? '')))
    })
    peer.on('error', () => reject(new Error('the connection failed')))
    peer.on('close', () => reject(new Error('the connection was closed')))
  })
  opened.catch(() => undefined) // whoever awaits it sees the rejection too
  const abandon = () => {
    if (!isOpen) peer.destroy()
  }
  const described = new Promise<string>((resolve) => {
    peer.on('signal', (description) => {
      const sdp = sdpOf(description)
      if (sdp === undefined) return
      local = sdp
      resolve(sdp)
    })
  })
  const cancelDeadline = clock.after(DESCRIPTION_MS, abandon)
  try {
    const sdp = await Promise.race([described, opened.then(() => '')])
    return { sdp, opened, abandon }
  } finally {
    cancelDeadline()
  }
}

function sdpOf(description: unknown): string | undefined {
  if (typeof description !== 'object' || description === null || !('sdp' in description)) return undefined
  return typeof description.sdp === 'string' ? description.sdp : undefined
}

class PeerLink implements Link {
  readonly channel: string | undefined
  readonly #peer: StreamPeer
  #events: LinkEvents | undefined
  /** What came before anybody listened. */
  readonly #early: Uint8Array[] = []
  #closed = false

  constructor(peer: StreamPeer, channel: string | undefined) {
    this.#peer = peer
    this.channel = channel
    peer.on('data', (value) => {
      if (!(value instanceof Uint8Array) || this.#closed) return
      if (this.#events) this.#events.onMessage(value)
      else this.#early.push(value)
    })
    peer.on('close', () => {
      if (this.#closed) return
      this.#closed = true
      this.#events?.onClose()
    })
  }

  get buffered(): number {
    return this.#closed ? 0 : this.#peer.bufferSize + this.#peer.writableLength
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#peer.write(bytes, () => {
      if (!this.#closed && this.buffered <= LOW_WATER) this.#events?.onDrain()
    })
  }

  close(): void {
    this.#closed = true
    this.#peer.destroy()
  }

  listen(events: LinkEvents): void {
    this.#events = events
    for (const bytes of this.#early.splice(0)) events.onMessage(bytes)
    if (this.#closed) events.onClose()
  }
}
