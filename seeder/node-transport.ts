import { type CreatePeer, GATHER_MS, peerTransport } from '../mesh/peer-transport.ts'
import type { Transport } from '../mesh/transport.ts'
import type { IceServer } from '../protocol/manifest.ts'
import { reasonOf, SeederError } from './errors.ts'
import { unhurried } from './gathering.ts'
import { nodeClock } from './node-clock.ts'

/** Makes transports for the ICE servers that a manifest names. */
export type TransportMaker = (iceServers: readonly IceServer[]) => Transport

/**
 * WebRTC for Node. Its binary is loaded here and not before, so that whoever does not seed does not need it.
 * @throws SeederError when it does not load on this machine
 */
export async function loadNodeTransport(): Promise<TransportMaker> {
  const { default: wrtc } = await import('@roamhq/wrtc').catch((error: unknown) => {
    throw new SeederError(
      `WebRTC for Node does not load on this machine (${reasonOf(error)})`,
      'install it with: npm install @roamhq/wrtc',
      { cause: error },
    )
  })
  skipTeardown()
  const { default: SimplePeer } = await import('simple-peer')
  return (iceServers) => {
    const config = { iceServers: iceServers.map(({ urls, ...credentials }) => ({ urls: [...urls], ...credentials })) }
    const create: CreatePeer = ({ initiator }) => {
      const peer = new SimplePeer({ initiator, wrtc, trickle: false, iceCompleteTimeout: GATHER_MS, config })
      // In Node the channel answers on another thread, a tenth of the cost of sending. It holds 64 KiB at most, for
      // simple-peer keeps the rest in its stream: that is counted.
      return Object.defineProperty(peer, 'bufferSize', { value: 0 })
    }
    return unhurried(peerTransport(create, nodeClock))
  }
}

let isTeardownSkipped = false

/**
 * A process that runs out of work takes its environment down, and there @roamhq/wrtc finalizes a connection after the
 * channels that it refers to: about one end in thirty was a segmentation fault. `process.exit` ends without that.
 */
function skipTeardown(): void {
  if (isTeardownSkipped) return
  isTeardownSkipped = true
  process.once('exit', (code) => process.exit(code))
}
