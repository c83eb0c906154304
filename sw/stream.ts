import { IntegrityError } from '../protocol/errors.ts'
import { MiB } from '../protocol/units.ts'
import type { SpanReader } from './span-reader.ts'

/** A reader that has not asked for bytes for this long is gone: Firefox does not tell that a stream was cancelled. */
const ABANDONED_MS = 10 * 60_000

/** Bytes that wait in the stream beyond what the reader asked for. */
const QUEUE_BYTES = 4 * MiB

export interface StreamOptions {
  readonly reader: SpanReader
  /** Continues from the current position with the origin's bytes as they are; undefined when that would mix versions. */
  readonly raw: () => Promise<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined>
  /** Told once, when the stream is closed, cancelled or errored. */
  readonly over: () => void
}

/** A body that is pulled, so that a reader that pauses pauses its sources. It ends whole or with an error, never short. */
export function streamOf({ reader, raw, over }: StreamOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  let rest: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined
  let abandoned: ReturnType<typeof setTimeout> | undefined
  let cancelled = false
  const end = () => {
    clearTimeout(abandoned)
    over()
  }

  const next = async (): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    if (rest) return (await rest.read()).value
    try {
      return await reader.next()
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      rest = await raw()
      if (!rest) throw error
      return (await rest.read()).value
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
