import { ProtocolViolation } from '../protocol/errors.ts'
import { chunkCountOf } from '../protocol/geometry.ts'
import { leafLayers, provenNode, uncleLayers } from '../protocol/hash-tree.ts'
import { toHex } from '../protocol/hex.ts'
import { type InfoFile, parseInfo, type TorrentInfo } from '../protocol/info.ts'
import { HASH_LENGTH, type Sha256Sync, sameHash } from '../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { encodeMessage, type Sendable } from '../protocol/wire/encode.ts'
import {
  EXTENSION_HANDSHAKE_ID,
  encodeExtensionHandshake,
  parseExtensionHandshake,
} from '../protocol/wire/extension-handshake.ts'
import { type Arrival, FrameDecoder } from '../protocol/wire/frame-decoder.ts'
import { encodeHandshake, type PeerId } from '../protocol/wire/handshake.ts'
import { type HashSpan, MAX_HASHES, type WireMessage } from '../protocol/wire/messages.ts'
import {
  encodeMetadata,
  MAX_METADATA,
  METADATA_EXTENSION,
  METADATA_PIECE,
  parseMetadata,
} from '../protocol/wire/metadata.ts'
import type { SwarmDescription } from './description.ts'
import type { Digest } from './swarm-driver.ts'

export interface MetadataSessionOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly sha1: Digest
  readonly sha256: Sha256Sync
  readonly send: (bytes: Uint8Array) => void
  /** Called once: with all that there is to know, or with nothing, when this peer does not have it. */
  readonly onEnd: (description: SwarmDescription | undefined) => void
}

/** Id under which we want to receive metadata. */
const METADATA_ID = 1

/** A run of chunk hashes of one file, and where they belong. */
interface Asked {
  readonly span: HashSpan
  /** First chunk of the file in the swarm. */
  readonly firstChunk: number
  readonly chunks: number
}

/** One connection to a peer that is asked what its swarm is about: the info dictionary (BEP 9), then chunk hashes (BEP 52). */
export class MetadataSession {
  readonly #options: MetadataSessionOptions
  readonly #decoder = new FrameDecoder()
  #theirId = 0
  #provesBlocks = false
  #info: Uint8Array<ArrayBuffer> | undefined
  #missing = new Set<number>()
  #content: TorrentInfo | undefined
  #hashes = new Uint8Array()
  #asked: Asked[] = []
  #isOver = false

  constructor(options: MetadataSessionOptions) {
    this.#options = options
    const { infoHash, peerId } = options
    options.send(encodeHandshake({ infoHash, peerId, extended: true, fast: true, v2: false }))
  }

  receive(bytes: Uint8Array): void {
    try {
      for (const arrival of this.#decoder.push(bytes)) if (!this.#isOver) this.#on(arrival)
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.end(undefined)
    }
  }

  end(description: SwarmDescription | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onEnd(description)
  }

  #on(arrival: Arrival): void {
    switch (arrival.kind) {
      case 'handshake':
        if (arrival.handshake.infoHash !== this.#options.infoHash || !arrival.handshake.extended) this.end(undefined)
        else this.#introduce()
        return
      case 'extended':
        this.#onExtended(arrival)
        return
      case 'hashes':
        this.#onHashes(arrival)
        return
      case 'hash-reject':
        this.end(undefined)
    }
  }

  #introduce(): void {
    const messages = new Map([[METADATA_EXTENSION, METADATA_ID]])
    const about = {
      messages,
      client: 'Tributary',
      queueLength: undefined,
      provesBlocks: false,
      metadataSize: undefined,
    }
    this.#send({ kind: 'have-none' })
    this.#send({ kind: 'extended', id: EXTENSION_HANDSHAKE_ID, payload: encodeExtensionHandshake(about) })
  }

  #onExtended({ id, payload }: Extract<WireMessage, { kind: 'extended' }>): void {
    if (id === METADATA_ID) this.#onMetadata(payload)
    if (id !== EXTENSION_HANDSHAKE_ID || this.#info !== undefined) return
    const { messages, metadataSize, provesBlocks } = parseExtensionHandshake(payload)
    const theirId = messages.get(METADATA_EXTENSION)
    if (theirId === undefined || metadataSize === undefined || metadataSize > MAX_METADATA) {
      this.end(undefined)
      return
    }
    this.#theirId = theirId
    this.#provesBlocks = provesBlocks
    this.#info = new Uint8Array(metadataSize)
    for (let piece = 0; piece * METADATA_PIECE < metadataSize; piece++) {
      this.#missing.add(piece)
      this.#send({ kind: 'extended', id: this.#theirId, payload: encodeMetadata({ kind: 'request', piece }) })
    }
  }

  #onMetadata(payload: Uint8Array): void {
    const message = parseMetadata(payload)
    const info = this.#info
    if (message.kind === 'reject') this.end(undefined)
    if (message.kind !== 'data' || info === undefined || !this.#missing.delete(message.piece)) return
    const at = message.piece * METADATA_PIECE
    if (message.bytes.length !== Math.min(METADATA_PIECE, info.length - at))
      throw new ProtocolViolation(`metadata of ${message.bytes.length} bytes`)
    info.set(message.bytes, at)
    if (this.#missing.size === 0) void this.#verify(info)
  }

  async #verify(info: Uint8Array<ArrayBuffer>): Promise<void> {
    const isRight = toHex(await this.#options.sha1(info)) === this.#options.infoHash
    try {
      if (isRight) this.#askForHashes(parseInfo(info))
      else this.end(undefined)
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.end(undefined)
    }
  }

  #askForHashes(content: TorrentInfo): void {
    this.#content = content
    const { chunkSize } = content
    const counts = content.files.map(({ size }) => chunkCountOf(size, chunkSize))
    this.#hashes = new Uint8Array(HASH_LENGTH * counts.reduce((sum, count) => sum + count, 0))
    let firstChunk = 0
    for (const [i, file] of content.files.entries()) {
      const chunks = counts[i] ?? 0
      if (chunks === 1) this.#hashes.set(file.piecesRoot, HASH_LENGTH * firstChunk)
      else for (const span of spansOf(file, chunks, chunkSize)) this.#asked.push({ span, firstChunk, chunks })
      firstChunk += chunks
    }
    if (this.#asked.length > 0 && !this.#provesBlocks) this.end(undefined)
    for (const { span } of this.#asked) this.#send({ kind: 'hash-request', ...span })
    this.#finish()
  }

  #onHashes(message: Extract<WireMessage, { kind: 'hashes' }>): void {
    const at = this.#asked.findIndex(
      ({ span }) => span.index === message.index && sameHash(span.piecesRoot, message.piecesRoot),
    )
    const asked = this.#asked[at]
    if (asked === undefined) return
    const { span, firstChunk, chunks } = asked
    const count = message.hashes.length / HASH_LENGTH
    const hashes = Array.from({ length: count }, (_, i) =>
      message.hashes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH),
    )
    const isWhole = count === span.length + uncleLayers(span).length
    if (!isWhole || !sameHash(provenNode(span.index, span.length, hashes, this.#options.sha256), span.piecesRoot))
      throw new ProtocolViolation('hashes that do not lead to the root')
    const real = hashes.slice(0, Math.min(span.length, chunks - span.index))
    for (const [i, hash] of real.entries()) this.#hashes.set(hash, HASH_LENGTH * (firstChunk + span.index + i))
    this.#asked.splice(at, 1)
    this.#finish()
  }

  #finish(): void {
    const { infoHash } = this.#options
    if (this.#asked.length > 0 || this.#content === undefined || this.#info === undefined) return
    const { chunkSize, files } = this.#content
    const named = files.map(({ path, size }) => ({ path, size }))
    this.end({ infoHash, chunkSize, files: named, hashes: this.#hashes, info: this.#info })
  }

  #send(message: Sendable): void {
    this.#options.send(encodeMessage(message))
  }
}

/** What to ask for in order to have all chunk hashes of a file. */
function spansOf({ size, piecesRoot }: InfoFile, chunks: number, chunkSize: number): HashSpan[] {
  const height = Math.ceil(Math.log2(chunks))
  const length = Math.min(2 ** height, MAX_HASHES)
  const baseLayer = leafLayers({ size, chunkSize, firstChunk: 0 as ChunkIndex })
  return Array.from({ length: Math.ceil(chunks / length) }, (_, i) => ({
    piecesRoot,
    baseLayer,
    index: i * length,
    length,
    proofLayers: height - 1,
  }))
}
