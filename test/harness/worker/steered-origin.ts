import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerRange, contentRange, unsatisfiedRange } from '../../../protocol/range.ts'
import type { Owner } from '../scratch.ts'

export interface OriginFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type?: string
  /** Headers besides; a version without `etag` and `last-modified` has no validator. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What is wrong with one answer. */
export interface Fault {
  readonly status?: number
  /** The connection breaks after so many body bytes. */
  readonly cutAfter?: number
  /** The body ends after so many bytes, without a length that would tell. */
  readonly shortAfter?: number
  /** Nothing more comes after so many body bytes; the connection stays. */
  readonly stallAfter?: number
  /** Nothing comes before this has settled, not even a status line. */
  readonly hold?: Promise<unknown>
  readonly headers?: Readonly<Record<string, string>>
  readonly noRanges?: boolean
  readonly redirect?: string
}

export interface SeenRequest {
  readonly path: string
  readonly range: string | undefined
  readonly headers: IncomingMessage['headers']
  /** Body bytes handed to the socket. */
  sent: number
  /** Settles when the answer is over; `aborted`: the client left before its end. */
  readonly over: Promise<{ readonly aborted: boolean }>
}

const PIECE = 64 * 1024

/** A real HTTP origin that is steered answer by answer. */
export class SteeredOrigin {
  readonly url: string
  readonly files = new Map<string, OriginFile>()
  readonly requests: SeenRequest[] = []
  /** Says what is wrong with the answer to a request; called for each. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined

  private constructor(url: string) {
    this.url = url
  }

  static async open(owner: Owner): Promise<SteeredOrigin> {
    const server = createServer({ keepAliveTimeout: 500 })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = new SteeredOrigin(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    server.on('request', (request, response) => {
      origin.#answer(request, response).catch(() => response.destroy())
    })
    owner.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return origin
  }

  requestsOf(path: string): SeenRequest[] {
    return this.requests.filter((request) => request.path === path)
  }

  /** Body bytes sent of a path. */
  sentOf(path: string): number {
    return this.requestsOf(path).reduce((sum, { sent }) => sum + sent, 0)
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURI((message.url ?? '/').slice(1).replace(/\?.*/, '').replace(/%ff/gi, ''))
    const over = new Promise<{ aborted: boolean }>((resolve) =>
      response.once('close', () => resolve({ aborted: !response.writableFinished })),
    )
    const seen: SeenRequest = { path, range: message.headers.range, headers: message.headers, sent: 0, over }
    this.requests.push(seen)
    const fault = this.fault(seen) ?? {}
    await fault.hold
    const file = this.files.get(path)
    if (fault.redirect) return void response.writeHead(302, { Location: fault.redirect }).end()
    if (fault.status || !file) return void response.writeHead(fault.status ?? 404).end('no\n')
    await send(response, seen, file, fault)
  }
}

async function send(response: ServerResponse, seen: SeenRequest, file: OriginFile, fault: Fault): Promise<void> {
  const { bytes } = file
  const ifRange = seen.headers['if-range']
  const current = [file.headers?.etag, file.headers?.['last-modified']].some((validator) => validator === ifRange)
  const counts = !fault.noRanges && (ifRange === undefined || current)
  const wanted = answerRange(counts ? (seen.range ?? null) : null, bytes.length)
  const headers: Record<string, string> = {
    'Content-Type': file.type ?? 'application/octet-stream',
    ...(!fault.noRanges && { 'Accept-Ranges': 'bytes' }),
    ...file.headers,
    ...fault.headers,
  }
  if (wanted.kind === 'unsatisfiable')
    return void response.writeHead(416, { 'Content-Range': unsatisfiedRange(bytes.length) }).end()
  const span = wanted.kind === 'part' ? wanted.span : { start: 0, end: bytes.length }
  if (wanted.kind === 'part') headers['Content-Range'] = contentRange(span, bytes.length)
  if (fault.shortAfter === undefined) headers['Content-Length'] = String(span.end - span.start)
  response.writeHead(wanted.kind === 'part' ? 206 : 200, headers)
  const limit = Math.min(fault.cutAfter ?? fault.shortAfter ?? fault.stallAfter ?? Number.POSITIVE_INFINITY, span.end)
  const end = Math.min(span.end, span.start + limit)
  for (let at = span.start; at < end && !response.destroyed; at += PIECE) {
    const piece = bytes.subarray(at, Math.min(at + PIECE, end))
    seen.sent += piece.length
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), seen.over])
  }
  if (fault.stallAfter !== undefined && end < span.end) return
  if (fault.cutAfter !== undefined && end < span.end) {
    // What was written is to arrive before the connection breaks.
    await new Promise((resolve) => response.write('', resolve))
    response.destroy()
  } else response.end()
}
