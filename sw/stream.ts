import { IntegrityError } from '../protocol/errors.ts'
import { MiB } from '../protocol/units.ts'
import type { SpanReader } from '../supply/span-reader.ts'

/** A reader that has not asked for bytes for this long is gone: Firefox does not tell that a stream was cancelled. */
const ABANDONED_MS = 10 * 60_000

/** Bytes that wait in the stream beyond what the reader asked for. */
const QUEUE_BYTES = 1 * MiB

export interface StreamOptions {
  readonly reader: SpanReader
  /** Continues from the current position with the origin's bytes as they are; undefined when that would mix versions. */
  readonly raw: () => Promise<RawRest | undefined>
  /** Told when the stream is closed, cancelled or errored. */
  readonly over: () => void
}

/** The origin's own bytes to the end. */
export class RawRest {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
  #missing: number

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>, length: number) {
    this.#reader = body.getReader()
    this.#missing = length
  }

  /** The next bytes, or undefined at the end. @throws IntegrityError when they are more or fewer than announced */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { value } = await this.#reader.read()
    this.#missing -= value?.length ?? 0
    if (value ? this.#missing < 0 : this.#missing > 0) throw new IntegrityError(`${this.#missing} bytes short`)
    return value
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel()
  }
}

/** A body that is pulled, so that a reader that pauses pauses its sources. It ends whole or with an error, never short. */
export function streamOf({ reader, raw, over }: StreamOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  let rest: RawRest | undefined
  let abandoned: ReturnType<typeof setTimeout> | undefined
  let cancelled = false
  const end = () => {
    clearTimeout(abandoned)
    over()
  }

  const next = async (): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    if (rest) return await rest.next()
    try {
      return await reader.next()
    } catch (error) {
      rest = error instanceof IntegrityError ? await raw() : undefined
      if (!rest) throw error
      if (cancelled) await rest.cancel()
      return await rest.next()
    }
  }

  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        clearTimeout(abandoned)
        try {
          const bytes = await next()
          if (cancelled) return
          if (!bytes) {
            end()
            return controller.close()
          }
          controller.enqueue(bytes)
          abandoned = setTimeout(() => {
            controller.error(new DOMException('the reader has left', 'TimeoutError'))
            end()
          }, ABANDONED_MS)
        } catch (error) {
          end()
          if (!cancelled) controller.error(error)
        }
      },
      cancel() {
        cancelled = true
        rest?.cancel().catch(() => {})
        end()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES }),
  )
}
