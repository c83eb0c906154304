import type { Link, Transport } from '../../../mesh/transport.ts'
import { browserTransport } from '../../../page-bridge/browser-transport.ts'

// Served to test pages as /connections-page.js: pairs of connections through our transport, and how many are left.

/** All that were ever made, as long as the browser keeps them. */
const made: WeakRef<RTCPeerConnection>[] = []

const RealConnection = RTCPeerConnection
globalThis.RTCPeerConnection = class extends RealConnection {
  constructor(config?: RTCConfiguration) {
    super(config)
    made.push(new WeakRef(this))
  }
}

const transport: Transport = browserTransport([])

async function connect(): Promise<[Link, Link]> {
  const offer = await transport.offer()
  const answer = await transport.answer(offer.sdp)
  offer.accept(answer.sdp)
  return await Promise.all([offer.opened, answer.opened])
}

const ignore = () => undefined

/** Sends a byte each way, and closes from one side. Resolves when the other side has heard of it. */
async function meet(closer: 0 | 1): Promise<void> {
  const links = await connect()
  const closed = new Promise<void>((resolve) => {
    const arrived: number[] = []
    for (const [i, link] of links.entries()) {
      const onMessage = () => arrived.push(i) === 2 && links[closer].close()
      link.listen({ onMessage, onDrain: ignore, onClose: () => i !== closer && resolve() })
    }
  })
  for (const link of links) link.send(Uint8Array.of(1))
  await closed
}

/** Offers to somebody who never answers. */
async function offerInVain(): Promise<void> {
  const offer = await transport.offer()
  offer.abandon()
  await offer.opened.catch(ignore)
}

const connections = {
  /** Each pair is closed before the next is made; one in four is followed by an offer in vain. */
  async run(pairs: number): Promise<void> {
    for (let i = 0; i < pairs; i++) {
      await meet(i % 2 === 0 ? 0 : 1)
      if (i % 4 === 0) await offerInVain()
    }
  },

  count(): { readonly made: number; readonly kept: number; readonly open: number } {
    const kept = made.map((ref) => ref.deref()).filter((connection) => connection !== undefined)
    const open = kept.filter(({ signalingState }) => signalingState !== 'closed')
    return { made: made.length, kept: kept.length, open: open.length }
  },
}

declare global {
  interface Window {
    connections: typeof connections
  }
}

window.connections = connections
