import { checkFrameLength, decodeFrame } from './decode.ts'
import { HANDSHAKE_LENGTH, type Handshake, parseHandshake } from './handshake.ts'
import type { WireMessage } from './messages.ts'

/** What arrives on a connection: one handshake, then messages. */
export type Arrival = { readonly kind: 'handshake'; readonly handshake: Handshake } | WireMessage

/** Length prefix and type: enough to refuse a frame. */
const HEAD = 5

/**
 * Cuts a byte stream into the handshake and messages, wherever its parts begin and end: peers write a stream, and
 * data channel messages need not match frames.
 *
 * A frame that lies whole in one part is decoded in place, so byte fields are views of that part; a frame that does not
 * is collected once into a buffer of its own, allocated only after its length has been checked.
 */
export class FrameDecoder {
  #greeted = false
  readonly #head = new Uint8Array(HEAD)
  #headLength = 0
  #partial: Uint8Array | undefined
  #partialLength = 0;

  /**
   * @param part consumed as it is iterated: iterate to the end before the next call
   * @throws ProtocolViolation; the connection is of no use after that
   */
  *push(part: Uint8Array): Generator<Arrival, void, undefined> {
    let rest = part
    while (rest.length > 0) {
      if (this.#partial !== undefined) {
        rest = this.#fill(this.#partial, rest)
        if (this.#partialLength === this.#partial.length) yield this.#finish(this.#partial)
      } else if (!this.#greeted) {
        if (rest.length < HANDSHAKE_LENGTH) this.#partial = new Uint8Array(HANDSHAKE_LENGTH)
        else {
          yield this.#greeting(rest.subarray(0, HANDSHAKE_LENGTH))
          rest = rest.subarray(HANDSHAKE_LENGTH)
        }
      } else {
        const length = this.#headLength === 0 ? wholeFrame(rest) : undefined
        if (length !== undefined) {
          yield decodeFrame(rest.subarray(4, 4 + length))
          rest = rest.subarray(4 + length)
        } else {
          rest = this.#collectHead(rest)
          const arrival = this.#begin()
          if (arrival) yield arrival
        }
      }
    }
  }

  #greeting(bytes: Uint8Array): Arrival {
    this.#greeted = true
    return { kind: 'handshake', handshake: parseHandshake(bytes) }
  }

  #fill(partial: Uint8Array, from: Uint8Array): Uint8Array {
    const taken = from.subarray(0, partial.length - this.#partialLength)
    partial.set(taken, this.#partialLength)
    this.#partialLength += taken.length
    return from.subarray(taken.length)
  }

  #finish(whole: Uint8Array): Arrival {
    this.#partial = undefined
    this.#partialLength = 0
    return this.#greeted ? decodeFrame(whole) : this.#greeting(whole)
  }

  /** Four bytes first, for a keep-alive has no fifth; then the type. */
  #collectHead(from: Uint8Array): Uint8Array {
    const wanted = (this.#headLength < 4 ? 4 : HEAD) - this.#headLength
    const taken = from.subarray(0, wanted)
    this.#head.set(taken, this.#headLength)
    this.#headLength += taken.length
    return from.subarray(taken.length)
  }

  /** Begins a frame once its head is complete. @returns it when its head is all of it */
  #begin(): WireMessage | undefined {
    const length = lengthIn(this.#head)
    if (this.#headLength === 4 && length === 0) {
      this.#headLength = 0
      return { kind: 'keep-alive' }
    }
    if (this.#headLength < HEAD) return undefined
    const type = this.#head[4] ?? 0
    checkFrameLength(type, length)
    this.#headLength = 0
    if (length === 1) return decodeFrame(Uint8Array.of(type))
    this.#partial = new Uint8Array(length)
    this.#partial[0] = type
    this.#partialLength = 1
    return undefined
  }
}

/** Length of the frame at the start of `bytes` when all of it is there. */
function wholeFrame(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined
  const length = lengthIn(bytes)
  return bytes.length >= 4 + length ? length : undefined
}

function lengthIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
}
