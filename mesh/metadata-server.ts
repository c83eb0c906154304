import { ProtocolViolation } from '../protocol/errors.ts'
import { encodeMetadata, METADATA_EXTENSION, METADATA_PIECE, parseMetadata } from '../protocol/wire/metadata.ts'
import type { Extension, ExtensionEvents, ExtensionLine } from './extension.ts'

/** How often a peer may ask for all of it. */
const MOST_ROUNDS = 3
/** How often an info dictionary that could not be had is tried for. */
const MOST_TRIES = 3

/** Gives the info dictionary of a swarm to peers that know its hash alone (BEP 9). */
export class MetadataServer implements Extension {
  readonly name = METADATA_EXTENSION
  /** Bytes of the info dictionary. */
  readonly size: number
  readonly #load: () => Promise<Uint8Array | undefined>
  #loading: Promise<Uint8Array | undefined> | undefined
  #tries = 0

  /** @param load brings it when it is first wanted; undefined when it cannot be had */
  constructor(size: number, load: () => Promise<Uint8Array | undefined>) {
    this.size = size
    this.#load = load
  }

  /** Has it at hand from then on. */
  async info(): Promise<Uint8Array | undefined> {
    this.#loading ??= this.#try()
    return await this.#loading
  }

  open(line: ExtensionLine): ExtensionEvents {
    const totalSize = this.size
    const pieces = Math.ceil(totalSize / METADATA_PIECE)
    let left = MOST_ROUNDS * pieces
    const answer = async (piece: number) => {
      const info = piece < pieces && left-- > 0 ? await this.info() : undefined
      const bytes = info?.subarray(piece * METADATA_PIECE, (piece + 1) * METADATA_PIECE)
      line.send(encodeMetadata(bytes ? { kind: 'data', piece, totalSize, bytes } : { kind: 'reject', piece }))
    }
    const onMessage = (payload: Uint8Array) => {
      const piece = requestIn(payload)
      if (piece !== undefined) void answer(piece)
    }
    return { onMessage, onClose: () => undefined }
  }

  async #try(): Promise<Uint8Array | undefined> {
    if (this.#tries++ === MOST_TRIES) return undefined // and never again, for that is remembered
    const info = await this.#load().catch(() => undefined)
    if (info?.length === this.size) return info
    this.#loading = undefined
    return undefined
  }
}

/** The piece that is asked for; what is no request is passed over. */
function requestIn(payload: Uint8Array): number | undefined {
  try {
    const message = parseMetadata(payload)
    return message.kind === 'request' ? message.piece : undefined
  } catch (error) {
    if (error instanceof ProtocolViolation) return undefined
    throw error
  }
}
