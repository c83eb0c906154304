import { KiB } from '../protocol/units.ts'
import { joinFrames } from '../protocol/wire/encode.ts'

/** The largest message that every stack takes. Each one costs both sides, whatever its size. */
const MAX_MESSAGE = 64 * KiB

/** A frame, whole or in parts that are joined when it is sent. */
type Parts = readonly Uint8Array[]

/** Frames that wait to be sent. */
export class Outbox {
  #frames: Parts[] = []

  /** @param parts read by `take`; a frame of one part may be sent as it is, without a copy */
  add(...parts: Parts): void {
    this.#frames.push(parts)
  }

  /** All of them, each entry one data channel message. Whoever gets a whole frame need not put it together. */
  take(): Uint8Array[] {
    const messages: Uint8Array[] = []
    let parts: Uint8Array[] = []
    let size = 0
    for (const frame of this.#frames) {
      const length = lengthOf(frame)
      if (size > 0 && size + length > MAX_MESSAGE) {
        messages.push(joined(parts))
        parts = []
        size = 0
      }
      parts.push(...frame)
      size += length
    }
    if (size > 0) messages.push(joined(parts))
    this.#frames = []
    return messages
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : joinFrames(parts)
}

function lengthOf(parts: Parts): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}
