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
export interface RawRest {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly length: number
}

/** A body that is pulled, so that a reader that pauses pauses its sources. It ends whole or with an error, never short. */
export function streamOf({ reader, raw, over }: StreamOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  let rest: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined
  let missing = 0
  let abandoned: ReturnType<typeof setTimeout> | undefined
  let cancelled = false
  const end = () => {
    clearTimeout(abandoned)
    over()
  }

  const nextRaw = async (from: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>) => {
    const { value } = await from.read()
    missing -= value?.length ?? 0
    if (value ? missing < 0 : missing > 0) throw new IntegrityError(`the origin's body is ${missing} bytes short`)
    return value
  }

  const next = async (): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    if (rest) return await nextRaw(rest)
    try {
      return await reader.next()
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      const own = await raw()
      if (!own) throw error
      rest = own.body.getReader()
      missing = own.length
      if (cancelled) await rest.cancel()
      return await nextRaw(rest)
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
            controller.error(new DOMException('the reader is gone', 'TimeoutError'))
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
