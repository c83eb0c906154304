import { KiB } from '../protocol/units.ts'
import { joinFrames } from '../protocol/wire/encode.ts'

/** Frames up to this size share a data channel message. */
const SMALL_FRAME = 1 * KiB
/** Larger frames are cut: some stacks drop messages above 64 KiB. */
const MAX_MESSAGE = 32 * KiB

/** Frames that wait to be sent. */
export class Outbox {
  readonly #frames: Uint8Array[] = []

  add(frame: Uint8Array): void {
    this.#frames.push(frame)
  }

  /** All of them, each entry one data channel message. */
  take(): Uint8Array[] {
    const messages: Uint8Array[] = []
    let small: Uint8Array[] = []
    const flush = () => {
      const [only] = small
      if (only !== undefined) messages.push(small.length === 1 ? only : joinFrames(small))
      small = []
    }
    for (const frame of this.#frames) {
      if (frame.length <= SMALL_FRAME) small.push(frame)
      else {
        flush()
        for (let at = 0; at < frame.length; at += MAX_MESSAGE) messages.push(frame.subarray(at, at + MAX_MESSAGE))
      }
    }
    flush()
    this.#frames.length = 0
    return messages
  }
}
