import { type CreatePeer, GATHER_MS, peerTransport } from '../../mesh/peer-transport.ts'
import type { Transport } from '../../mesh/transport.ts'
import type { IceServer } from '../../protocol/manifest.ts'
import { unhurried } from '../gathering.ts'
import { nodeClock } from '../node-clock.ts'

/** WebRTC for Node, in this very process. @throws when its binary does not load on this machine */
export async function loadNativeTransport(): Promise<(iceServers: readonly IceServer[]) => Transport> {
  const { default: wrtc } = await import('@roamhq/wrtc')
  const { default: SimplePeer } = await import('simple-peer')
  // All connections share one factory with four threads, and the last that closes leaves it to the garbage collector:
  // visitors one after the other had one each, up to 55 threads waited for a collection, and memory was three times as
  // much. A connection that nobody closes, which is not collected either, keeps the first one.
  new wrtc.RTCPeerConnection()
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
