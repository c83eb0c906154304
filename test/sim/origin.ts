import { answerRange, contentRange } from '../../protocol/range.ts'
import type { Content } from './content.ts'
import { type Line, wayMs } from './line.ts'
import { OriginBody } from './origin-body.ts'
import { Pipe } from './pipe.ts'
import type { VirtualTime } from './time.ts'
import { SimResponse } from './web.ts'

export type OriginFault =
  /** Answers with this status. */
  | { readonly kind: 'status'; readonly status: number }
  /** Does not answer at all. */
  | { readonly kind: 'silent' }
  /** Breaks off after so many bytes. */
  | { readonly kind: 'breaks'; readonly afterBytes: number }

export interface OriginOptions {
  /** Bytes per millisecond, over all answers together. */
  readonly egress: number
  readonly latencyMs: number
  /** Before an answer begins, beside the way there and back. */
  readonly thinkMs: number
  /** Bytes of an answer that take their turn at a time. */
  readonly quantum: number
  /** What goes wrong with the request of this number. */
  readonly fault?: (request: number, nowMs: number) => OriginFault | undefined
}

/** The site's HTTP server, with one file. All visitors share its uplink, answer by answer. */
export class SimOrigin {
  readonly egress: Pipe
  readonly time: VirtualTime
  readonly content: Content
  readonly options: OriginOptions
  /** Bytes that each visitor was sent. */
  readonly sentTo = new Map<Line, number>()
  requests = 0

  constructor(time: VirtualTime, content: Content, options: OriginOptions) {
    this.time = time
    this.content = content
    this.options = options
    this.egress = new Pipe(time, options.egress)
  }

  /** Bytes of the file that have left. */
  get sentBytes(): number {
    return this.egress.carried
  }

  /** A request of the visitor with this line. */
  fetch(line: Line, { headers, signal }: RequestInit): Promise<SimResponse> {
    const number = this.requests++
    const fault = this.options.fault?.(number, this.time.now())
    const roundTripMs = 2 * wayMs(line, this.options) + this.options.thinkMs
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new DOMException('no answer in time', 'AbortError')))
      if (fault?.kind === 'silent') return
      this.time.after(roundTripMs, () => {
        if (signal?.aborted) return
        resolve(
          fault?.kind === 'status'
            ? new SimResponse(null, { status: fault.status })
            : this.#answer(line, new Headers(headers).get('range'), fault?.afterBytes),
        )
      })
    })
  }

  #answer(line: Line, range: string | null, breaksAfter: number | undefined): SimResponse {
    const { size } = this.content.file
    const wanted = answerRange(range, size)
    if (wanted.kind === 'unsatisfiable') return new SimResponse(null, { status: 416 })
    const span = wanted.kind === 'part' ? wanted.span : { start: 0, end: size }
    const body = new OriginBody(this, line, span, breaksAfter)
    return new SimResponse(body.stream, {
      status: wanted.kind === 'part' ? 206 : 200,
      headers: {
        etag: '"v1"',
        'accept-ranges': 'bytes',
        'content-type': this.content.file.type,
        'content-length': String(span.end - span.start),
        ...(wanted.kind === 'part' && { 'content-range': contentRange(span, size) }),
      },
    })
  }
}
