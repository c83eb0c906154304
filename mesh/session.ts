import { ProtocolViolation } from '../protocol/errors.ts'
import { BLOCK_SIZE, type ChunkIndex, type InfoHash } from '../protocol/units.ts'
import { bitfieldLength, checkBitfield, clearBit, fullBitfield, hasBit, setBit } from '../protocol/wire/bitfield.ts'
import { DONT_HAVE_EXTENSION, encodeDontHave, parseDontHave } from '../protocol/wire/dont-have.ts'
import { encodeMessage, pieceHead, type Sendable } from '../protocol/wire/encode.ts'
import { EXTENSION_HANDSHAKE_ID, parseExtensionHandshake } from '../protocol/wire/extension-handshake.ts'
import { type Arrival, FrameDecoder } from '../protocol/wire/frame-decoder.ts'
import { encodeHandshake, type Handshake, type PeerId } from '../protocol/wire/handshake.ts'
import { parseLoading } from '../protocol/wire/loading.ts'
import type { BlockSpan, WireMessage } from '../protocol/wire/messages.ts'
import { isOurs } from './client-id.ts'
import { DownloadPipeline, type Lacks } from './download-pipeline.ts'
import { DONT_HAVE_ID, FIRST_GUEST_ID, introduction, LOADING_ID } from './introduction.ts'
import { Outbox } from './outbox.ts'
import type { SessionEvent } from './session-event.ts'
import { UploadQueue } from './upload-queue.ts'

/** A peer may choke us so often, and once a second besides: each time all its chunks are counted anew. */
const MOST_CHOKES = 100

export interface SessionOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly chunkCount: number
  /** Bytes of a chunk of the swarm. */
  readonly lengthOf: (chunk: ChunkIndex) => number
  /** Bytes of a whole chunk. */
  readonly chunkSize: number
  /** Whom the signalling promised. */
  readonly expected: PeerId | undefined
  /** Whether we answer hash requests. */
  readonly provesBlocks: boolean
  /** Extensions that somebody else speaks here. */
  readonly guests: readonly string[]
  /** Bytes of the info dictionary, where one of the guests gives it. */
  readonly metadataSize: number | undefined
  /** What we hold, in wire order; empty says that we hold nothing. */
  readonly ownBits: () => Uint8Array
  /** Called when `takeOutput` has something new. */
  readonly onOutput: () => void
  readonly nowMs: number
}

/**
 * One connection to one peer, from its first byte: BEP 3 with BEP 6 and BEP 10. Knows nothing about other peers.
 * Pure: bytes and times go in, events and bytes to send come out.
 */
export class Session {
  readonly downloads = new DownloadPipeline()
  readonly uploads = new UploadQueue()
  readonly openedMs: number
  /** Chunks that the peer holds, in wire order. */
  readonly bits: Uint8Array<ArrayBuffer>
  amChoking = true
  amInterested = false
  peerChoking = true
  /** Undefined until the peer has said. */
  peerInterested: boolean | undefined
  /** When bytes last came. */
  heardMs: number
  /** Whether the peer answers hash requests. */
  provesBlocks = false
  /** Bytes of chunks sent to the peer. */
  given = 0
  #remote: Handshake | undefined
  /** Extensions that the peer speaks, with its ids. */
  #extensions: ReadonlyMap<string, number> = new Map()
  readonly #options: SessionOptions
  readonly #decoder = new FrameDecoder()
  readonly #outbox = new Outbox()
  #first = true
  /** The peer has been told what we hold: from then on it is told of what changes. */
  #isIntroduced = false
  /** How often the peer has stopped serving us. */
  #chokes = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.openedMs = options.nowMs
    this.heardMs = options.nowMs
    this.bits = new Uint8Array(bitfieldLength(options.chunkCount))
    const { infoHash, peerId } = options
    const handshake: Handshake = { infoHash, peerId, extended: true, fast: true, v2: false }
    this.#write(encodeHandshake(handshake))
    // One of ours speaks all that we speak: it need not say so first.
    if (this.isOurs) this.#introduce(handshake)
  }

  /** Undefined until the peer has greeted us. */
  get peerId(): PeerId | undefined {
    return this.#remote?.peerId
  }

  /** Whether the peer is, as far as known, a client like this one. */
  get isOurs(): boolean {
    const id = this.peerId ?? this.#options.expected
    return id !== undefined && isOurs(id)
  }

  /**
   * @param onEvent called as the bytes are read: what it does with the session takes effect on the next message
   * @throws ProtocolViolation: close the link
   */
  receive(bytes: Uint8Array, nowMs: number, onEvent: (event: SessionEvent) => void): void {
    this.heardMs = nowMs
    for (const arrival of this.#decoder.push(bytes)) {
      const event =
        arrival.kind === 'handshake' ? this.#onHandshake(arrival.handshake) : this.#onMessage(arrival, nowMs)
      if (event !== undefined) onEvent(event)
    }
  }

  /** What is to be sent, each entry one data channel message. */
  takeOutput(): Uint8Array[] {
    return this.#outbox.take()
  }

  has(chunk: ChunkIndex): boolean {
    return hasBit(this.bits, chunk)
  }

  /** Whether the peer would serve a request now. */
  get serves(): boolean {
    return this.#remote !== undefined && !this.peerChoking
  }

  setInterested(interested: boolean): void {
    if (this.#remote === undefined || this.amInterested === interested) return
    this.amInterested = interested
    this.send({ kind: interested ? 'interested' : 'not-interested' })
  }

  /** Choking also forgets what the peer asked for (BEP 3; BEP 6: says so for each). */
  setChoking(choking: boolean): void {
    if (!this.#isIntroduced || this.amChoking === choking) return
    this.amChoking = choking
    this.send({ kind: choking ? 'choke' : 'unchoke' })
    if (choking) this.#refuse(this.uploads.take())
  }

  /**
   * Who has the chunk itself is told with whatever is sent next; all others at once, for until they know they may take it
   * from elsewhere.
   */
  announce(chunk: ChunkIndex): void {
    if (!this.#isIntroduced) return
    const message = encodeMessage({ kind: 'have', chunk })
    if (this.has(chunk)) this.#outbox.add(message)
    else this.#write(message)
  }

  /** Takes an announcement back, where the peer understands that. */
  retract(chunk: ChunkIndex): void {
    this.sendExtended(DONT_HAVE_EXTENSION, encodeDontHave(chunk))
  }

  /** Sends the requests that fit now. */
  request(nowMs: number, lacks: Lacks): void {
    for (const span of this.downloads.refill(nowMs, lacks)) this.send({ kind: 'request', ...span })
  }

  /** Stops asking for a chunk. */
  cancel(chunk: ChunkIndex, nowMs: number): void {
    for (const offset of this.downloads.unassign(chunk, nowMs))
      this.send({ kind: 'cancel', chunk, offset, length: this.#blockLength(chunk, offset) })
  }

  /** Stops asking for one block. */
  cancelBlock(chunk: ChunkIndex, offset: number, nowMs: number): void {
    if (!this.downloads.withdraw(chunk, offset, nowMs)) return
    this.send({ kind: 'cancel', chunk, offset, length: this.#blockLength(chunk, offset) })
  }

  /** Sends the block at the head of the upload queue. @returns its bytes, 0 when its chunk is not loaded */
  sendPiece(): number {
    const { head, headBytes } = this.uploads
    if (head === undefined || headBytes === undefined) return 0
    this.#write(pieceHead(head), headBytes)
    this.uploads.shift()
    this.given += head.length
    return head.length
  }

  /** Refuses what the peer asked of a chunk that we no longer hold. */
  refuseChunk(chunk: ChunkIndex): void {
    this.#refuse(this.uploads.take(chunk))
  }

  /** Whether the peer speaks an extension. */
  speaks(extension: string): boolean {
    return this.#extensions.has(extension)
  }

  /** Sends a message of an extension, if the peer speaks it. */
  sendExtended(extension: string, payload: Uint8Array): void {
    const id = this.#extensions.get(extension)
    if (id !== undefined) this.send({ kind: 'extended', id, payload })
  }

  send(message: Sendable): void {
    this.#write(encodeMessage(message))
  }

  #write(...frame: readonly Uint8Array[]): void {
    this.#outbox.add(...frame)
    this.#options.onOutput()
  }

  #onHandshake(handshake: Handshake): SessionEvent {
    if (handshake.infoHash !== this.#options.infoHash)
      throw new ProtocolViolation(`peer is of swarm ${handshake.infoHash}`)
    this.#remote = handshake
    if (!this.#isIntroduced) this.#introduce(handshake)
    return { kind: 'greeted', peerId: handshake.peerId }
  }

  /** @param peer what it speaks */
  #introduce(peer: Handshake): void {
    this.#isIntroduced = true
    for (const message of introduction(peer, { ...this.#options, own: this.#options.ownBits() })) this.send(message)
  }

  #onMessage(message: Exclude<Arrival, { kind: 'handshake' }>, nowMs: number): SessionEvent | undefined {
    const first = this.#first
    if (message.kind !== 'extended' && message.kind !== 'keep-alive') this.#first = false
    switch (message.kind) {
      case 'choke':
        return this.#onChoke(nowMs)
      case 'unchoke':
        this.peerChoking = false
        return { kind: 'unchoked' }
      case 'interested':
      case 'not-interested':
        this.peerInterested = message.kind === 'interested'
        return { kind: 'interest' }
      case 'have':
        return this.#onHave(message.chunk)
      case 'bitfield':
      case 'have-all':
      case 'have-none':
        if (!first) throw new ProtocolViolation(`${message.kind} after other messages`)
        return this.#onBitfield(message)
      case 'request':
        return this.#onRequest(message)
      case 'cancel':
        // BEP 6: a cancelled request is answered too, by the piece or a reject.
        if (this.uploads.cancel(message)) this.#refuse([message])
        return undefined
      case 'piece':
        return this.#onPiece(message.chunk, message.offset, message.bytes, nowMs)
      case 'reject':
        return this.#onReject(message, nowMs)
      case 'extended':
        return this.#onExtended(message.id, message.payload, nowMs)
      case 'hash-request':
        return { kind: 'hashes-requested', span: message }
      case 'hashes':
        return { kind: 'hashes', span: message, hashes: message.hashes }
      case 'hash-reject':
        return { kind: 'hashes-rejected', span: message }
      case 'keep-alive':
      case 'port':
      case 'suggest':
      case 'allowed-fast':
      case 'unknown':
        return undefined
    }
  }

  #onChoke(nowMs: number): SessionEvent | undefined {
    if (this.peerChoking) return undefined
    if (++this.#chokes > MOST_CHOKES + (nowMs - this.openedMs) / 1000) throw new ProtocolViolation('chokes without end')
    this.peerChoking = true
    this.downloads.clear(nowMs)
    return { kind: 'choked' }
  }

  #onHave(chunk: ChunkIndex): SessionEvent | undefined {
    if (chunk >= this.#options.chunkCount) throw new ProtocolViolation(`have of chunk ${chunk}`)
    if (this.has(chunk)) return undefined
    setBit(this.bits, chunk)
    return { kind: 'have', chunk }
  }

  #onBitfield(
    message: Extract<WireMessage, { kind: 'bitfield' | 'have-all' | 'have-none' }>,
  ): SessionEvent | undefined {
    if (message.kind === 'have-none') return undefined
    const bits = message.kind === 'bitfield' ? message.bits : fullBitfield(this.#options.chunkCount)
    checkBitfield(bits, this.#options.chunkCount)
    this.bits.set(bits)
    return { kind: 'bitfield' }
  }

  #onRequest(span: BlockSpan): SessionEvent | undefined {
    const { chunk, offset, length } = span
    if (chunk >= this.#options.chunkCount || length < 1 || length > BLOCK_SIZE)
      throw new ProtocolViolation(`request of ${length} bytes of chunk ${chunk}`)
    if (offset + length > this.#servedLength(chunk))
      throw new ProtocolViolation(`request of bytes ${offset}+${length} of chunk ${chunk}`)
    const plain = { chunk, offset, length }
    if (!this.amChoking && hasBit(this.#options.ownBits(), chunk) && this.uploads.add(plain))
      return { kind: 'requested' }
    this.#refuse([plain])
    return undefined
  }

  /** Files of a bundle are padded to whole chunks (BEP 47), but for the last; stock peers ask for the padding too. */
  #servedLength(chunk: ChunkIndex): number {
    const { chunkCount, chunkSize, lengthOf } = this.#options
    return chunk < chunkCount - 1 ? chunkSize : lengthOf(chunk)
  }

  #blockLength(chunk: ChunkIndex, offset: number): number {
    return Math.min(BLOCK_SIZE, this.#options.lengthOf(chunk) - offset)
  }

  #onPiece(chunk: ChunkIndex, offset: number, bytes: Uint8Array, nowMs: number): SessionEvent | undefined {
    if (chunk >= this.#options.chunkCount || offset % BLOCK_SIZE !== 0)
      throw new ProtocolViolation(`piece at ${offset} of chunk ${chunk}`)
    const wanted = this.#blockLength(chunk, offset)
    const accepted = this.downloads.accept(chunk, offset, bytes.length, nowMs)
    if (accepted === undefined) throw new ProtocolViolation('too many blocks that nobody asked for')
    if (!accepted) return undefined
    if (bytes.length !== wanted) throw new ProtocolViolation(`block of ${bytes.length} bytes, asked for ${wanted}`)
    return { kind: 'block', chunk, offset, bytes }
  }

  /** One refused block spoils the chunk here: the peer lost it, or does not want to serve it. */
  #onReject(span: BlockSpan, nowMs: number): SessionEvent | undefined {
    if (span.chunk >= this.#options.chunkCount) throw new ProtocolViolation(`reject of chunk ${span.chunk}`)
    if (!this.downloads.refused(span.chunk, span.offset, nowMs)) return undefined
    this.cancel(span.chunk, nowMs)
    return { kind: 'rejected', chunk: span.chunk }
  }

  #onExtended(id: number, payload: Uint8Array, nowMs: number): SessionEvent | undefined {
    if (id === LOADING_ID) return { kind: 'loading', chunks: parseLoading(payload, this.#options.chunkCount) }
    if (id === DONT_HAVE_ID) return this.#onDontHave(parseDontHave(payload, this.#options.chunkCount), nowMs)
    const extension = this.#options.guests[id - FIRST_GUEST_ID]
    if (extension !== undefined) return { kind: 'extended', extension, payload }
    if (id !== EXTENSION_HANDSHAKE_ID) return undefined
    const { messages, queueLength, provesBlocks } = parseExtensionHandshake(payload)
    this.#extensions = messages
    this.provesBlocks = provesBlocks
    if (queueLength !== undefined) this.downloads.peerQueue = queueLength
    return { kind: 'extensions' }
  }

  /** As if it had refused what we asked of the chunk. */
  #onDontHave(chunk: ChunkIndex, nowMs: number): SessionEvent | undefined {
    if (!this.has(chunk)) return undefined
    this.cancel(chunk, nowMs)
    return { kind: 'rejected', chunk }
  }

  /** Without BEP 6, silence is the refusal. */
  #refuse(spans: readonly BlockSpan[]): void {
    if (this.#remote?.fast !== true) return
    for (const { chunk, offset, length } of spans) this.send({ kind: 'reject', chunk, offset, length })
  }

  /** The peer turned out not to have a chunk after all. */
  forget(chunk: ChunkIndex): void {
    clearBit(this.bits, chunk)
  }
}
