import { ProtocolViolation } from '../protocol/errors.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { Availability } from './availability.ts'
import { Choker, RECHOKE_MS } from './choker.ts'
import { Conversation } from './conversation.ts'
import { Downloader } from './downloader.ts'
import { isReady } from './forecast.ts'
import { Guests } from './guests.ts'
import { HashServer } from './hash-server.ts'
import { Holdings } from './holdings.ts'
import { Loading } from './loading.ts'
import { keepAlive, type LinkId, newPeer, type Peer, reasonToEnd } from './peer.ts'
import { Roster } from './roster.ts'
import { Session } from './session.ts'
import type { SwarmEffect, SwarmInput, SwarmOptions } from './swarm-io.ts'
import { Uploader } from './uploader.ts'

const MAX_PEERS = 12
const UPLOAD_SLOTS = 8
/** How often it is looked who is silent. */
const REVIEW_MS = 50
/** So long between two looks, and we were busy. */
const LATE_MS = 400

/**
 * All peers of one info hash. Pure: `handle` takes an input and the time and returns what is to be done.
 * A peer can harm its own session alone.
 */
export class Swarm {
  readonly #options: SwarmOptions
  readonly #roster: Roster
  readonly #holdings: Holdings
  readonly #availability: Availability
  readonly #loading: Loading
  readonly #choker: Choker
  readonly #downloader: Downloader
  readonly #uploader: Uploader
  readonly #hashServer: HashServer
  readonly #conversation: Conversation
  readonly #guests: Guests
  #rechokedMs: number
  #reviewedMs: number
  #isLate = false
  /** Peers whose sessions have something to send. */
  readonly #dirty = new Set<Peer>()
  #effects: SwarmEffect[] = []

  constructor(options: SwarmOptions) {
    this.#options = options
    const { chunkCount, lengthOf, trees } = options
    this.#rechokedMs = options.nowMs
    this.#reviewedMs = options.nowMs
    this.#roster = new Roster(options.peerId, options.maxPeers ?? MAX_PEERS)
    this.#holdings = new Holdings(chunkCount, options.sharing ?? true)
    this.#availability = new Availability(chunkCount)
    this.#loading = new Loading(chunkCount)
    this.#choker = new Choker(options.uploadSlots ?? UPLOAD_SLOTS, options.random)
    const { peers } = this.#roster
    const emit = (effect: SwarmEffect) => this.#emit(effect)
    const accuse = (guilty: PeerId | undefined, nowMs: number) => this.#ban(guilty, nowMs)
    const learned = (chunk: ChunkIndex, leaves: readonly Uint8Array[]) => this.#hashServer.learn(chunk, leaves)
    const gained = (bytes: number, nowMs: number) => options.uploadShare?.gained(bytes, nowMs)
    this.#downloader = new Downloader({
      peers,
      lengthOf,
      trees,
      emit,
      accuse,
      learned,
      gained,
      missing: () => this.missing,
    })
    this.#hashServer = new HashServer({ trees, lengthOf, emit, gives: (chunk) => this.#holdings.gives(chunk) })
    const flush = (peer: Peer, nowMs: number) => this.#flush(peer, nowMs)
    this.#uploader = new Uploader({ peers, lengthOf, emit, flush, share: options.uploadShare })
    this.#guests = new Guests(options.guests ?? [])
    this.#conversation = new Conversation({
      roster: this.#roster,
      holdings: this.#holdings,
      availability: this.#availability,
      loading: this.#loading,
      choker: this.#choker,
      downloader: this.#downloader,
      hashServer: this.#hashServer,
      onStatus: () => this.#emit({ kind: 'statusChanged' }),
      end: (peer, reason, nowMs) => this.#end(peer, reason, nowMs),
      guests: this.#guests,
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
    return this.#roster.greeted
  }

  /** Connections, those that have not said yet who they are included. */
  get links(): number {
    return this.#roster.peers.size
  }

  /** Connections that there is room for. */
  get room(): number {
    return this.#roster.room
  }

  /** Chunks that we do not hold. */
  get missing(): number {
    return this.#holdings.missing
  }

  /** How many peers hold a chunk, whether they would send it or not. */
  holders(chunk: ChunkIndex): number {
    let count = 0
    for (const { session } of this.#roster.peers.values()) if (session.has(chunk)) count++
    return count
  }

  /** Chunks that we tell peers of, in wire order. A view that changes. */
  get advertised(): Uint8Array {
    return this.#holdings.advertised
  }

  /** Bytes of chunks sent to peers. */
  get uploaded(): number {
    return this.#uploader.uploaded
  }

  /** Whether a connection to this peer would be kept: it is not ourselves, not banned, and not connected. */
  welcomes(peerId: PeerId): boolean {
    return this.#roster.welcomes(peerId)
  }

  /** @returns what is to be done, in this order */
  handle(input: SwarmInput, nowMs: number): SwarmEffect[] {
    this.#effects = []
    this.#step(input, nowMs)
    for (const peer of this.#dirty) this.#flush(peer, nowMs)
    this.#dirty.clear()
    return this.#guests.after(this.#effects)
  }

  #step(input: SwarmInput, nowMs: number): void {
    switch (input.kind) {
      case 'linkOpened':
        this.#open(input, nowMs)
        break
      case 'received':
        this.#receive(input.link, input.bytes, nowMs)
        break
      case 'drained':
        this.#drained(input.link, input.buffered, nowMs)
        break
      case 'linkClosed':
        this.#forget(input.link, nowMs)
        break
      case 'want':
        if (input.chunk < this.#options.chunkCount) this.#downloader.want(input.chunk, input.deadlineMs, nowMs)
        else this.#emit({ kind: 'giveUp', chunk: input.chunk })
        break
      case 'unwant':
        this.#downloader.unwant(input.chunk, nowMs)
        break
      case 'verified':
        this.#downloader.verified(input.id, input.good, nowMs)
        break
      case 'hashed':
        this.#downloader.hashed(input.id, input.hash, nowMs)
        break
      case 'chunkHashed':
        if (!this.#hashServer.hashed(input.chunk, input.leaves)) this.#lose(input.chunk)
        break
      case 'chunkRead':
        if (input.bytes === undefined) this.#lose(input.chunk)
        this.#uploader.chunkRead(input.chunk, input.bytes, nowMs)
        break
      case 'stored':
        this.#conversation.announce(this.#holdings.add(input.chunks))
        // Who has everything leaves its upload slots to others at once.
        if (this.missing === 0) this.#conversation.reviewInterests()
        break
      case 'loading':
        if (this.#loading.set(input.chunks, nowMs)) this.#conversation.tellLoading()
        break
      case 'dropped':
        this.#conversation.retract(this.#holdings.remove(input.chunks))
        break
      case 'extend':
        this.#roster.peers.get(input.link)?.session.sendExtended(input.extension, input.payload)
        break
      case 'sharing':
        this.#setSharing(input.sharing)
        break
      case 'tick':
        this.#tick(nowMs)
        break
    }
  }

  // Connections

  #open({ link, initiator, peerId }: Extract<SwarmInput, { kind: 'linkOpened' }>, nowMs: number): void {
    if (this.room === 0 || (peerId !== undefined && !this.welcomes(peerId))) {
      this.#emit({ kind: 'closeLink', link, reason: 'not wanted' })
      return
    }
    const { infoHash, peerId: ownId, chunkCount, chunkSize, lengthOf, trees } = this.#options
    const session = new Session({
      infoHash,
      peerId: ownId,
      chunkCount,
      chunkSize,
      lengthOf,
      expected: peerId,
      provesBlocks: trees !== undefined,
      guests: this.#guests.names,
      metadataSize: this.#options.metadataSize,
      ownBits: () => this.#holdings.advertised,
      onOutput: () => this.#wake(link),
      nowMs,
    })
    const peer = newPeer({ link, session, initiator, expected: peerId }, nowMs)
    this.#roster.peers.set(link, peer)
    this.#choker.add(session)
    this.#choker.fill(this.#holdings.sharing)
    this.#dirty.add(peer)
  }

  #receive(link: LinkId, bytes: Uint8Array, nowMs: number): void {
    const { peers } = this.#roster
    const peer = peers.get(link)
    if (peer === undefined) return
    try {
      peer.session.receive(bytes, nowMs, (event) => {
        if (peers.has(link)) this.#conversation.heard(peer, event, nowMs)
      })
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.#end(peer, error.message, nowMs)
    }
    if (!peers.has(link)) return
    this.#downloader.assign(peer, nowMs)
    this.#uploader.pump(peer, nowMs)
    if (nowMs - this.#reviewedMs >= REVIEW_MS) this.#review(nowMs)
  }

  /** Who is silent counts as one that has nothing. */
  #review(nowMs: number): void {
    // Whoever was not heard while we were busy ourselves may be heard in a moment.
    this.#isLate = nowMs - this.#reviewedMs > LATE_MS && !this.#isLate
    this.#reviewedMs = nowMs
    if (this.#isLate) return
    this.#downloader.review(nowMs)
    for (const peer of this.#roster.peers.values()) this.#conversation.count(peer, isReady(peer, nowMs))
  }

  #drained(link: LinkId, buffered: number, nowMs: number): void {
    const peer = this.#roster.peers.get(link)
    if (peer === undefined) return
    peer.buffered = buffered
    this.#uploader.pump(peer, nowMs)
  }

  #end(peer: Peer, reason: string, nowMs: number): void {
    if (!this.#roster.peers.has(peer.link)) return
    this.#emit({ kind: 'closeLink', link: peer.link, reason })
    this.#forget(peer.link, nowMs)
  }

  #forget(link: LinkId, nowMs: number): void {
    const peer = this.#roster.peers.get(link)
    if (peer === undefined) return
    this.#roster.peers.delete(link)
    this.#dirty.delete(peer)
    this.#choker.remove(peer.session)
    this.#conversation.count(peer, false)
    this.#loading.forget(link)
    this.#hashServer.forget(peer)
    this.#downloader.forget(peer, nowMs)
    this.#choker.fill(this.#holdings.sharing)
    this.#emit({ kind: 'statusChanged' })
  }

  /** @param guilty who sent wrong bytes or hashes */
  #ban(guilty: PeerId | undefined, nowMs: number): void {
    if (guilty === undefined) return
    if (this.#roster.tolerates(guilty)) this.#emit({ kind: 'ban', peerId: guilty })
    const connections = this.#roster.ban(guilty)
    for (const peer of connections) this.#end(peer, 'sent something with a wrong hash', nowMs)
  }

  // What we hold and give

  #lose(chunk: ChunkIndex): void {
    const gone = this.#holdings.remove({ first: chunk, after: (chunk + 1) as ChunkIndex })
    if (gone.length > 0) this.#conversation.retract(gone)
  }

  #setSharing(sharing: boolean): void {
    const held = this.#holdings.setSharing(sharing)
    if (held === undefined) return
    this.#conversation.announce(held)
    this.#conversation.tellLoading()
    this.#choker.fill(sharing)
  }

  #tick(nowMs: number): void {
    this.#review(nowMs)
    for (const peer of this.#downloader.tick(nowMs)) this.#end(peer, 'delivers nothing', nowMs)
    for (const peer of [...this.#roster.peers.values()]) {
      const reason = reasonToEnd(peer, nowMs)
      if (reason !== undefined) this.#end(peer, reason, nowMs)
      else {
        keepAlive(peer, nowMs)
        peer.session.uploads.rest()
        this.#dirty.add(peer) // what could wait
      }
    }
    if (nowMs - this.#rechokedMs >= RECHOKE_MS) {
      this.#rechokedMs = nowMs
      this.#conversation.reviewInterests()
      this.#choker.rechoke(this.#holdings.sharing)
    }
    const { changed, tell } = this.#loading.tick(nowMs)
    if (changed) this.#emit({ kind: 'statusChanged' })
    if (tell) this.#conversation.tellLoading()
    this.#uploader.pumpAll(nowMs)
  }

  #emit(effect: SwarmEffect): void {
    this.#effects.push(effect)
  }

  #wake(link: LinkId): void {
    const peer = this.#roster.peers.get(link)
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
