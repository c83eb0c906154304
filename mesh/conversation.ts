import type { ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { encodeLoading, LOADING_EXTENSION } from '../protocol/wire/loading.ts'
import type { Availability } from './availability.ts'
import type { Choker } from './choker.ts'
import type { Downloader } from './downloader.ts'
import type { Guests } from './guests.ts'
import type { HashServer } from './hash-server.ts'
import type { Holdings } from './holdings.ts'
import type { Loading } from './loading.ts'
import type { Peer } from './peer.ts'
import type { Roster } from './roster.ts'
import type { SessionEvent } from './session-event.ts'

export interface ConversationOptions {
  readonly roster: Roster
  readonly holdings: Holdings
  readonly availability: Availability
  readonly loading: Loading
  readonly choker: Choker
  readonly downloader: Downloader
  readonly hashServer: HashServer
  /** Peers, or what they hold, changed. */
  readonly onStatus: () => void
  readonly guests: Guests
  /** Closes a connection. */
  readonly end: (peer: Peer, reason: string, nowMs: number) => void
}

/** What peers say, and who is to know of it. */
export class Conversation {
  readonly #parts: ConversationOptions

  constructor(parts: ConversationOptions) {
    this.#parts = parts
  }

  heard(peer: Peer, event: SessionEvent, nowMs: number): void {
    const { choker, downloader, hashServer, holdings, loading } = this.#parts
    switch (event.kind) {
      case 'greeted':
        this.#greeted(peer, event.peerId, nowMs)
        break
      case 'bitfield':
        peer.searched = -1
        this.#reviewInterest(peer)
        break
      case 'have':
        this.#onHave(peer, event.chunk)
        break
      case 'unchoked':
        peer.searched = -1
        this.count(peer, true)
        break
      case 'choked':
        this.count(peer, false)
        downloader.release(peer, nowMs)
        break
      case 'interest':
        choker.fill(holdings.sharing)
        break
      case 'block':
        downloader.block(peer, event.chunk, event.offset, event.bytes, nowMs)
        break
      case 'rejected':
        this.#rejected(peer, event.chunk, nowMs)
        break
      case 'requested':
        break
      case 'hashes-requested':
        hashServer.request(peer, event.span, nowMs)
        break
      case 'hashes':
        downloader.leaves(peer, event.span, event.hashes, nowMs)
        break
      case 'hashes-rejected':
        downloader.leavesRejected(peer, event.span, nowMs)
        break
      case 'extensions':
        if (holdings.sharing && loading.own.length > 0) this.#sayLoading(peer)
        this.#parts.guests.onExtensions(peer)
        break
      case 'extended':
        this.#parts.guests.onMessage(peer, event.extension, event.payload)
        break
      case 'loading':
        if (loading.heard(peer.link, event.chunks, nowMs)) this.#parts.onStatus()
    }
  }

  /** Counts a peer's chunks as available while it serves us. */
  count(peer: Peer, counted: boolean): void {
    if (peer.counted === counted) return
    peer.counted = counted
    const { availability, onStatus } = this.#parts
    if (counted) availability.addAll(peer.session.bits)
    else availability.removeAll(peer.session.bits)
    onStatus()
  }

  /** Looks again whose chunks we want. */
  reviewInterests(): void {
    for (const peer of this.#parts.roster.peers.values()) this.#reviewInterest(peer)
  }

  /** Tells all peers of chunks that we hold now. */
  announce(chunks: readonly ChunkIndex[]): void {
    for (const { session } of this.#parts.roster.peers.values()) for (const chunk of chunks) session.announce(chunk)
  }

  /** Takes back what peers were told. Who does not understand that is refused when it asks. */
  retract(chunks: readonly ChunkIndex[]): void {
    for (const { session } of this.#parts.roster.peers.values()) for (const chunk of chunks) session.retract(chunk)
    this.reviewInterests()
  }

  /** Tells all peers what we are fetching from the origin. */
  tellLoading(): void {
    for (const peer of this.#parts.roster.peers.values()) this.#sayLoading(peer)
  }

  #reviewInterest({ session }: Peer): void {
    const { own } = this.#parts.holdings
    session.setInterested(session.bits.some((byte, i) => (byte & ~(own[i] ?? 0)) !== 0))
  }

  #greeted(peer: Peer, peerId: PeerId, nowMs: number): void {
    const { roster, end, onStatus, choker, holdings } = this.#parts
    if (!roster.tolerates(peerId)) {
      end(peer, 'not wanted', nowMs)
      return
    }
    for (const twin of roster.twins(peer, peerId)) end(twin, 'connected twice', nowMs)
    choker.fill(holdings.sharing)
    onStatus()
  }

  #onHave(peer: Peer, chunk: ChunkIndex): void {
    peer.searched = -1
    if (!this.#parts.holdings.has(chunk)) peer.session.setInterested(true)
    if (!peer.counted) return
    this.#parts.availability.add(chunk)
    this.#parts.onStatus()
  }

  #rejected(peer: Peer, chunk: ChunkIndex, nowMs: number): void {
    if (peer.session.has(chunk)) {
      peer.session.forget(chunk)
      if (peer.counted) this.#parts.availability.remove(chunk)
      this.#parts.onStatus()
    }
    this.#parts.downloader.rejected(peer, chunk, nowMs)
  }

  /** Who does not share fetches for itself alone: nobody should wait for that. */
  #sayLoading({ session }: Peer): void {
    const { holdings, loading } = this.#parts
    session.sendExtended(LOADING_EXTENSION, holdings.sharing ? loading.own : encodeLoading([]))
  }
}
