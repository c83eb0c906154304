import type { PeerId } from '../protocol/wire/handshake.ts'
import type { LinkId, Peer } from './peer.ts'

/** Bad peers remembered. */
const MAX_BANNED = 1000

/** Who is connected, and who may connect. */
export class Roster {
  readonly peers = new Map<LinkId, Peer>()
  readonly #banned = new Set<PeerId>()
  readonly #ownId: PeerId
  readonly #maxPeers: number

  constructor(ownId: PeerId, maxPeers: number) {
    this.#ownId = ownId
    this.#maxPeers = maxPeers
  }

  /** Connections that there is room for. */
  get room(): number {
    return Math.max(0, this.#maxPeers - this.peers.size)
  }

  /** Peers that have said who they are. */
  get greeted(): number {
    let count = 0
    for (const { session } of this.peers.values()) if (session.peerId !== undefined) count++
    return count
  }

  /** Whether a connection to this peer would be kept: it is not ourselves, not banned, and not connected. */
  welcomes(peerId: PeerId): boolean {
    if (!this.tolerates(peerId)) return false
    for (const { session, expected } of this.peers.values()) if ((session.peerId ?? expected) === peerId) return false
    return true
  }

  /** Whether this peer is neither ourselves nor banned. */
  tolerates(peerId: PeerId): boolean {
    return peerId !== this.#ownId && !this.#banned.has(peerId)
  }

  /** @returns its connections */
  ban(peerId: PeerId): Peer[] {
    if (this.#banned.size < MAX_BANNED) this.#banned.add(peerId)
    return [...this.peers.values()].filter(({ session }) => session.peerId === peerId)
  }

  /**
   * Two peers that offer to each other at once end up with two connections: both keep the same one.
   * @param newest a connection whose peer has just greeted us
   * @returns the connections to close
   */
  twins(newest: Peer, peerId: PeerId): Peer[] {
    const others = [...this.peers.values()].filter((peer) => peer !== newest && peer.session.peerId === peerId)
    const keepsInitiated = this.#ownId < peerId
    return others.map((other) => {
      const newWins = other.initiator !== newest.initiator && newest.initiator === keepsInitiated
      return newWins ? other : newest
    })
  }
}
