import type { ByteSpan } from '../../protocol/geometry.ts'
import { KiB } from '../../protocol/units.ts'
import { type Line, wayMs } from './line.ts'
import type { SimOrigin } from './origin.ts'
import { Flow } from './pipe.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Bytes of one answer that are on their way or unread: what the buffers of sockets and browsers hold. */
const WINDOW = 1024 * KiB

/** One answer's bytes on their way from the origin, through the visitor's downlink, to whoever reads them. */
export class OriginBody {
  readonly stream: ReadableStream<Bytes>
  readonly #origin: SimOrigin
  readonly #line: Line
  readonly #out = new Flow()
  readonly #in = new Flow()
  readonly #end: number
  readonly #breaksAt: number
  #controller: ReadableStreamDefaultController<Bytes> | undefined
  /** First byte that has not left. */
  #sent: number
  #isSending = false
  /** Bytes that have left and were not read. */
  #unread = 0
  readonly #arrived: Bytes[] = []
  /** Resolves when there is something to read. */
  #onArrival: (() => void) | undefined
  /** The reader has left, or was told of an error. */
  #isOver = false
  /** The origin knows of it. */
  #isStopped = false

  constructor(origin: SimOrigin, line: Line, span: ByteSpan, breaksAfter = Number.POSITIVE_INFINITY) {
    this.#origin = origin
    this.#line = line
    this.#sent = span.start
    this.#end = span.end
    this.#breaksAt = span.start + breaksAfter
    this.stream = new ReadableStream<Bytes>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    )
    this.#send()
  }

  async #pull(): Promise<void> {
    if (this.#arrived.length === 0 && this.#sent === this.#end && this.#unread === 0) {
      this.#controller?.close()
      return
    }
    while (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onArrival = resolve
      })
      if (this.#isOver) return
    }
    const bytes = this.#arrived.shift() ?? new Uint8Array()
    this.#unread -= bytes.length
    this.#controller?.enqueue(bytes)
    if (this.#sent === this.#end && this.#unread === 0) this.#controller?.close()
    else this.#send()
  }

  /** The next piece takes its turn, unless the reader is too far behind. */
  #send(): void {
    if (this.#isSending || this.#isStopped || this.#unread >= WINDOW || this.#sent >= this.#end) return
    if (this.#sent >= this.#breaksAt) {
      this.#break()
      return
    }
    const { egress, content, options, time } = this.#origin
    const bytes = content.bytes.subarray(this.#sent, Math.min(this.#end, this.#sent + options.quantum))
    this.#isSending = true
    egress.send(this.#out, bytes.length, () => {
      this.#isSending = false
      this.#sent += bytes.length
      this.#unread += bytes.length
      this.#origin.sentTo.set(this.#line, (this.#origin.sentTo.get(this.#line) ?? 0) + bytes.length)
      time.after(wayMs(this.#line, options), () => this.#arrive(bytes))
      this.#send()
    })
  }

  #arrive(bytes: Bytes): void {
    if (this.#isOver) return
    this.#line.down.send(this.#in, bytes.length, () => {
      if (this.#isOver) return
      this.#arrived.push(bytes)
      this.#wake()
    })
  }

  #break(): void {
    this.#isOver = true
    this.#isStopped = true
    this.#controller?.error(new TypeError('the connection broke'))
    this.#wake()
  }

  /** The visitor takes no more at once; the origin hears of it later. */
  #cancel(): void {
    this.#isOver = true
    this.#line.down.drop(this.#in)
    this.#wake()
    this.#origin.time.after(wayMs(this.#line, this.#origin.options), () => {
      this.#isStopped = true
      this.#origin.egress.drop(this.#out)
    })
  }

  #wake(): void {
    this.#onArrival?.()
    this.#onArrival = undefined
  }
}
