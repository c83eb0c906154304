import { ProtocolViolation } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { bitfieldLength, clearBit, hasBit, setBit } from '../protocol/wire/bitfield.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { encodeLoading, LOADING_EXTENSION } from '../protocol/wire/loading.ts'
import { Availability } from './availability.ts'
import { Choker, RECHOKE_MS } from './choker.ts'
import { Downloader } from './downloader.ts'
import { Loading } from './loading.ts'
import type { LinkId, Peer } from './peer.ts'
import { Session, type SessionEvent } from './session.ts'
import type { UploadShare } from './upload-budget.ts'
import { Uploader } from './uploader.ts'

export type SwarmInput =
  /** `peerId`: whom the signalling promised. `initiator`: we made the offer. */
  | { readonly kind: 'linkOpened'; readonly link: LinkId; readonly initiator: boolean; readonly peerId?: PeerId }
  /** `bytes` are read before the call returns. */
  | { readonly kind: 'received'; readonly link: LinkId; readonly bytes: Uint8Array }
  /** `buffered`: bytes handed to the link that it has not sent. */
  | { readonly kind: 'drained'; readonly link: LinkId; readonly buffered: number }
  | { readonly kind: 'linkClosed'; readonly link: LinkId }
  /** Wanting again changes the deadline. */
  | { readonly kind: 'want'; readonly chunk: ChunkIndex; readonly deadlineMs: number }
  | { readonly kind: 'unwant'; readonly chunk: ChunkIndex }
  /** Answer to `verify`. */
  | { readonly kind: 'verified'; readonly id: number; readonly good: boolean }
  /** Answer to `read`. */
  | { readonly kind: 'chunkRead'; readonly chunk: ChunkIndex; readonly bytes: Uint8Array | undefined }
  | { readonly kind: 'stored'; readonly chunks: ChunkSpan }
  /** What is on its way to us from elsewhere, and nothing else is. */
  | { readonly kind: 'loading'; readonly chunks: readonly ChunkSpan[] }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'sharing'; readonly sharing: boolean }
  /** Some time passed: about four times a second is enough. */
  | { readonly kind: 'tick' }

export type SwarmEffect =
  | { readonly kind: 'send'; readonly link: LinkId; readonly bytes: Uint8Array }
  | { readonly kind: 'closeLink'; readonly link: LinkId; readonly reason: string }
  /** All bytes of a chunk are here: check their hash and answer `verified` with this id. */
  | {
      readonly kind: 'verify'
      readonly id: number
      readonly chunk: ChunkIndex
      readonly bytes: Uint8Array<ArrayBuffer>
    }
  /** A good chunk. The bytes are the receiver's to keep. */
  | { readonly kind: 'deliver'; readonly chunk: ChunkIndex; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Nobody delivers this chunk in time. */
  | { readonly kind: 'giveUp'; readonly chunk: ChunkIndex }
  /** A peer wants this stored chunk now or soon: answer `chunkRead`. Worth a cache, as it may be asked for again. */
  | { readonly kind: 'read'; readonly chunk: ChunkIndex }
  | { readonly kind: 'ban'; readonly peerId: PeerId }
  /** Peers, or what they hold, changed. */
  | { readonly kind: 'statusChanged' }

export interface SwarmOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly chunkCount: number
  /** Bytes of a chunk. */
  readonly lengthOf: (chunk: ChunkIndex) => number
  /** Bytes of a whole chunk. */
  readonly chunkSize: number
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly nowMs: number
  readonly sharing?: boolean
  /** No cap by default. */
  readonly uploadShare?: UploadShare
  readonly maxPeers?: number
  readonly uploadSlots?: number
}

const MAX_PEERS = 12
const UPLOAD_SLOTS = 4
/** A connection that has not said by then who it is never will. */
const HANDSHAKE_MS = 10_000
const KEEP_ALIVE_MS = 60_000
/** BEP 3 peers close after two minutes of silence. */
const IDLE_MS = 150_000
/** Bad peers remembered. */
const MAX_BANNED = 1000

/**
 * All peers of one info hash. Pure: `handle` takes an input and the time and returns what is to be done.
 * A peer can harm its own session alone.
 */
export class Swarm {
  readonly #options: SwarmOptions
  readonly #maxPeers: number
  readonly #peers = new Map<LinkId, Peer>()
  readonly #banned = new Set<PeerId>()
  readonly #availability: Availability
  readonly #downloader: Downloader
  readonly #uploader: Uploader
  readonly #choker: Choker
  readonly #loading: Loading
  /** What we hold, and what we say we hold while not sharing, in wire order. */
  readonly #own: Uint8Array<ArrayBuffer>
  readonly #nothing: Uint8Array<ArrayBuffer>
  #ownCount = 0
  #sharing: boolean
  #rechokedMs: number
  /** Peers whose sessions have something to send. */
  readonly #dirty = new Set<Peer>()
  #effects: SwarmEffect[] = []

  constructor(options: SwarmOptions) {
    this.#options = options
    this.#maxPeers = options.maxPeers ?? MAX_PEERS
    this.#availability = new Availability(options.chunkCount)
    this.#own = new Uint8Array(bitfieldLength(options.chunkCount))
    this.#nothing = new Uint8Array(this.#own.length)
    this.#sharing = options.sharing ?? true
    this.#rechokedMs = options.nowMs
    const emit = (effect: SwarmEffect) => this.#emit(effect)
    const peers = this.#peers
    this.#loading = new Loading(options.chunkCount)
    this.#choker = new Choker(options.uploadSlots ?? UPLOAD_SLOTS, options.random)
    this.#downloader = new Downloader({ peers, lengthOf: options.lengthOf, emit })
    this.#uploader = new Uploader({
      peers,
      emit,
      flush: (peer, nowMs) => this.#flush(peer, nowMs),
      share: options.uploadShare,
    })
  }

  /** Chunks that at least one peer would send us, in wire order. A view that changes. */
  get available(): Uint8Array<ArrayBuffer> {
    return this.#availability.union
  }

  /** Chunks that peers are fetching from elsewhere, in wire order. A view that changes. */
  get loading(): Uint8Array<ArrayBuffer> {
    return this.#loading.union
  }

  /** Peers that have said who they are. */
  get peers(): number {
    let count = 0
    for (const { session } of this.#peers.values()) if (session.peerId !== undefined) count++
    return count
  }

  /** Connections, those that have not said yet who they are included. */
  get links(): number {
    return this.#peers.size
  }

  /** Connections that there is room for. */
  get room(): number {
    return Math.max(0, this.#maxPeers - this.#peers.size)
  }

  /** Chunks that we do not hold. */
  get missing(): number {
    return this.#options.chunkCount - this.#ownCount
  }

  /** Bytes of chunks sent to peers. */
  get uploaded(): number {
    return this.#uploader.uploaded
  }

  /** Whether a connection to this peer would be kept: it is not ourselves, not banned, and not connected. */
  welcomes(peerId: PeerId): boolean {
    if (peerId === this.#options.peerId || this.#banned.has(peerId)) return false
    for (const { session, expected } of this.#peers.values()) if ((session.peerId ?? expected) === peerId) return false
    return true
  }

  /** @returns what is to be done, in this order */
  handle(input: SwarmInput, nowMs: number): SwarmEffect[] {
    this.#effects = []
    this.#step(input, nowMs)
    for (const peer of this.#dirty) this.#flush(peer, nowMs)
    this.#dirty.clear()
    return this.#effects
  }

  #step(input: SwarmInput, nowMs: number): void {
    switch (input.kind) {
      case 'linkOpened':
        this.#open(input, nowMs)
        return
      case 'received':
        this.#receive(input.link, input.bytes, nowMs)
        return
      case 'drained':
        this.#drained(input.link, input.buffered, nowMs)
        return
      case 'linkClosed':
        this.#forget(input.link, nowMs)
        return
      case 'want':
        if (input.chunk < this.#options.chunkCount) this.#downloader.want(input.chunk, input.deadlineMs, nowMs)
        else this.#emit({ kind: 'giveUp', chunk: input.chunk })
        return
      case 'unwant':
        this.#downloader.unwant(input.chunk, nowMs)
        return
      case 'verified':
        this.#ban(this.#downloader.verified(input.id, input.good, nowMs), nowMs)
        return
      case 'chunkRead':
        this.#chunkRead(input.chunk, input.bytes, nowMs)
        return
      case 'stored':
        this.#stored(input.chunks)
        return
      case 'loading':
        if (this.#loading.set(input.chunks, nowMs)) this.#tellLoading()
        return
      case 'dropped':
        this.#dropped()
        return
      case 'sharing':
        this.#setSharing(input.sharing)
        return
      case 'tick':
        this.#tick(nowMs)
        return
    }
  }

  // Connections

  #open({ link, initiator, peerId }: Extract<SwarmInput, { kind: 'linkOpened' }>, nowMs: number): void {
    if (this.room === 0 || (peerId !== undefined && !this.welcomes(peerId))) {
      this.#emit({ kind: 'closeLink', link, reason: 'not wanted' })
      return
    }
    const { infoHash, chunkCount, chunkSize, lengthOf } = this.#options
    const session = new Session({
      infoHash,
      peerId: this.#options.peerId,
      chunkCount,
      chunkSize,
      lengthOf,
      ownBits: () => this.#advertised,
      onOutput: () => this.#wake(link),
      nowMs,
    })
    const peer: Peer = {
      link,
      session,
      initiator,
      expected: peerId,
      assigned: new Set(),
      searched: -1,
      counted: false,
      buffered: 0,
      reading: undefined,
      restsUntilMs: 0,
      sentMs: nowMs,
    }
    this.#peers.set(link, peer)
    this.#choker.add(session)
    this.#dirty.add(peer)
  }

  #receive(link: LinkId, bytes: Uint8Array, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    try {
      peer.session.receive(bytes, nowMs, (event) => {
        if (this.#peers.has(link)) this.#onEvent(peer, event, nowMs)
      })
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.#end(peer, error.message, nowMs)
    }
    if (!this.#peers.has(link)) return
    this.#downloader.assign(peer, nowMs)
    this.#uploader.pump(peer, nowMs)
  }

  #drained(link: LinkId, buffered: number, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    peer.buffered = buffered
    this.#uploader.pump(peer, nowMs)
  }

  #end(peer: Peer, reason: string, nowMs: number): void {
    if (!this.#peers.has(peer.link)) return
    this.#emit({ kind: 'closeLink', link: peer.link, reason })
    this.#forget(peer.link, nowMs)
  }

  #forget(link: LinkId, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    this.#peers.delete(link)
    this.#dirty.delete(peer)
    this.#choker.remove(peer.session)
    this.#count(peer, false)
    this.#loading.forget(link)
    this.#downloader.release(peer, nowMs)
    this.#choker.fill(this.#sharing)
    this.#emit({ kind: 'statusChanged' })
  }

  /** @param peerId who sent a chunk with a wrong hash */
  #ban(peerId: PeerId | undefined, nowMs: number): void {
    if (peerId === undefined) return
    if (this.#banned.size < MAX_BANNED) this.#banned.add(peerId)
    this.#emit({ kind: 'ban', peerId })
    for (const peer of [...this.#peers.values()])
      if (peer.session.peerId === peerId) this.#end(peer, 'sent a chunk with a wrong hash', nowMs)
  }

  // What peers say

  #onEvent(peer: Peer, event: SessionEvent, nowMs: number): void {
    switch (event.kind) {
      case 'greeted':
        this.#greeted(peer, event.peerId, nowMs)
        return
      case 'bitfield':
        peer.searched = -1
        this.#reviewInterest(peer)
        return
      case 'have':
        this.#onHave(peer, event.chunk)
        return
      case 'unchoked':
        peer.searched = -1
        this.#count(peer, true)
        return
      case 'choked':
        this.#count(peer, false)
        this.#downloader.release(peer, nowMs)
        return
      case 'interest':
        this.#choker.fill(this.#sharing)
        return
      case 'block':
        this.#downloader.block(peer, event.chunk, event.offset, event.bytes)
        return
      case 'rejected':
        this.#rejected(peer, event.chunk, nowMs)
        return
      case 'extensions':
        if (this.#sharing && this.#loading.own.length > 0) this.#sayLoading(peer)
        return
      case 'loading':
        if (this.#loading.heard(peer.link, event.chunks, nowMs)) this.#emit({ kind: 'statusChanged' })
        return
    }
  }

  /** Two peers that offer to each other at once end up with two connections: both keep the same one. */
  #greeted(peer: Peer, peerId: PeerId, nowMs: number): void {
    const own = this.#options.peerId
    if (peerId === own || this.#banned.has(peerId)) {
      this.#end(peer, 'not wanted', nowMs)
      return
    }
    for (const other of [...this.#peers.values()]) {
      if (other === peer || other.session.peerId !== peerId) continue
      const keepsInitiated = own < peerId
      const newWins = other.initiator !== peer.initiator && peer.initiator === keepsInitiated
      this.#end(newWins ? other : peer, 'connected twice', nowMs)
    }
    this.#emit({ kind: 'statusChanged' })
  }

  #onHave(peer: Peer, chunk: ChunkIndex): void {
    peer.searched = -1
    if (!hasBit(this.#own, chunk)) peer.session.setInterested(true)
    if (!peer.counted) return
    this.#availability.add(chunk)
    this.#emit({ kind: 'statusChanged' })
  }

  #rejected(peer: Peer, chunk: ChunkIndex, nowMs: number): void {
    if (peer.session.has(chunk)) {
      peer.session.forget(chunk)
      if (peer.counted) this.#availability.remove(chunk)
      this.#emit({ kind: 'statusChanged' })
    }
    this.#downloader.rejected(peer, chunk, nowMs)
  }

  /** Counts a peer's chunks as available while it serves us. */
  #count(peer: Peer, counted: boolean): void {
    if (peer.counted === counted) return
    peer.counted = counted
    if (counted) this.#availability.addAll(peer.session.bits)
    else this.#availability.removeAll(peer.session.bits)
    this.#emit({ kind: 'statusChanged' })
  }

  #reviewInterest({ session }: Peer): void {
    session.setInterested(session.bits.some((byte, i) => (byte & ~(this.#own[i] ?? 0)) !== 0))
  }

  // What we hold and give

  get #advertised(): Uint8Array {
    return this.#sharing ? this.#own : this.#nothing
  }

  #stored({ first, after }: ChunkSpan): void {
    const end = Math.min(after, this.#options.chunkCount)
    for (let chunk = first; chunk < end; chunk++) {
      if (hasBit(this.#own, chunk)) continue
      setBit(this.#own, chunk)
      this.#ownCount++
      if (this.#sharing) for (const { session } of this.#peers.values()) session.announce(chunk)
    }
  }

  /** BEP 3 has no way to take a HAVE back; who asks is refused. */
  #dropped(): void {
    this.#own.fill(0)
    this.#ownCount = 0
    for (const peer of this.#peers.values()) this.#reviewInterest(peer)
  }

  #setSharing(sharing: boolean): void {
    if (this.#sharing === sharing) return
    this.#sharing = sharing
    if (sharing)
      for (let chunk = 0; chunk < this.#options.chunkCount; chunk++)
        if (hasBit(this.#own, chunk))
          for (const { session } of this.#peers.values()) session.announce(chunk as ChunkIndex)
    this.#tellLoading()
    this.#choker.fill(sharing)
  }

  #tellLoading(): void {
    for (const peer of this.#peers.values()) this.#sayLoading(peer)
  }

  /** Who does not share fetches for itself alone: nobody should wait for that. */
  #sayLoading({ session }: Peer): void {
    session.sendExtended(LOADING_EXTENSION, this.#sharing ? this.#loading.own : encodeLoading([]))
  }

  #chunkRead(chunk: ChunkIndex, bytes: Uint8Array | undefined, nowMs: number): void {
    if (bytes === undefined && hasBit(this.#own, chunk)) {
      clearBit(this.#own, chunk)
      this.#ownCount--
    }
    this.#uploader.chunkRead(chunk, bytes, nowMs)
  }

  // Time

  #tick(nowMs: number): void {
    for (const peer of this.#downloader.tick(nowMs)) this.#end(peer, 'delivers nothing', nowMs)
    for (const peer of [...this.#peers.values()]) this.#tickPeer(peer, nowMs)
    if (nowMs - this.#rechokedMs >= RECHOKE_MS) {
      this.#rechokedMs = nowMs
      for (const peer of this.#peers.values()) this.#reviewInterest(peer)
      this.#choker.rechoke(this.#sharing)
    }
    const { changed, tell } = this.#loading.tick(nowMs)
    if (changed) this.#emit({ kind: 'statusChanged' })
    if (tell) this.#tellLoading()
    this.#uploader.pumpAll(nowMs)
  }

  #tickPeer(peer: Peer, nowMs: number): void {
    const { session } = peer
    if (session.peerId === undefined && nowMs - session.openedMs >= HANDSHAKE_MS) this.#end(peer, 'no handshake', nowMs)
    else if (nowMs - session.heardMs >= IDLE_MS) this.#end(peer, 'silent', nowMs)
    else if (nowMs - peer.sentMs >= KEEP_ALIVE_MS) session.send({ kind: 'keep-alive' })
  }

  // Output

  #emit(effect: SwarmEffect): void {
    this.#effects.push(effect)
  }

  #wake(link: LinkId): void {
    const peer = this.#peers.get(link)
    if (peer) this.#dirty.add(peer)
  }

  #flush(peer: Peer, nowMs: number): void {
    for (const bytes of peer.session.takeOutput()) {
      peer.buffered += bytes.length
      peer.sentMs = nowMs
      this.#emit({ kind: 'send', link: peer.link, bytes })
    }
  }
}
