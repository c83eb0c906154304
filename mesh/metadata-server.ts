import { ProtocolViolation } from '../protocol/errors.ts'
import { encodeMetadata, METADATA_EXTENSION, METADATA_PIECE, parseMetadata } from '../protocol/wire/metadata.ts'
import type { Extension, ExtensionEvents, ExtensionLine } from './extension.ts'

/** How often a peer may ask for all of it. */
const MOST_ROUNDS = 3

/** Gives the info dictionary of a swarm to peers that know its hash alone (BEP 9). */
export class MetadataServer implements Extension {
  readonly name = METADATA_EXTENSION
  readonly #info: Uint8Array

  constructor(info: Uint8Array) {
    this.#info = info
  }

  /** Bytes of the info dictionary. */
  get size(): number {
    return this.#info.length
  }

  open(line: ExtensionLine): ExtensionEvents {
    let left = MOST_ROUNDS * Math.ceil(this.#info.length / METADATA_PIECE)
    const onMessage = (payload: Uint8Array) => {
      const piece = requestIn(payload)
      if (piece === undefined) return
      const bytes = this.#info.subarray(piece * METADATA_PIECE, (piece + 1) * METADATA_PIECE)
      const isGiven = bytes.length > 0 && left-- > 0
      const totalSize = this.#info.length
      line.send(encodeMetadata(isGiven ? { kind: 'data', piece, totalSize, bytes } : { kind: 'reject', piece }))
    }
    return { onMessage, onClose: () => undefined }
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
