import type { IncomingMessage, ServerResponse } from 'node:http'
import { contentRange, unsatisfiedRange } from '../../protocol/range.ts'
import { wantedOf } from './conditions.ts'

/** What is said of an answer's content. */
export interface Head {
  readonly etag: string
  readonly type: string
  /** Bytes of the whole. */
  readonly size: number
  /** Of RFC 9211, where it is of interest. */
  readonly cacheStatus?: (span: { start: number; end: number }) => string
}

/** Lets pages of other hosts read ranges, and read the headers that tell what they got. */
export function allowOrigins(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader(
    'Access-Control-Expose-Headers',
    'Accept-Ranges, Content-Length, Content-Range, ETag, Cache-Status',
  )
}

export function answerPreflight(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, OPTIONS')
  response.setHeader('Access-Control-Allow-Headers', 'Range, If-Range, If-Match, If-None-Match')
  response.setHeader('Access-Control-Max-Age', '86400')
  response.writeHead(204).end()
}

/** A short answer in words. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  response.writeHead(status).end(response.req.method === 'HEAD' ? undefined : body)
}

/**
 * Sees to conditions and ranges.
 * @returns the bytes to send, with what `begin` needs to send their head; undefined when all is answered
 */
export function wantedSpan(
  request: IncomingMessage,
  response: ServerResponse,
  head: Head,
): { readonly span: { start: number; end: number }; readonly begin: () => void } | undefined {
  const wanted = wantedOf(request, head.etag, head.size)
  if (wanted.kind === 'failed') return void answerText(response, 412, 'the file is another version')
  response.setHeader('ETag', head.etag)
  response.setHeader('Cache-Control', 'no-cache')
  if (wanted.kind === 'unmodified') return void response.writeHead(304).end()
  response.setHeader('Accept-Ranges', 'bytes')
  if (wanted.kind === 'unsatisfiable') {
    response.setHeader('Content-Range', unsatisfiedRange(head.size))
    return void answerText(response, 416, 'there are no such bytes')
  }
  const span = wanted.kind === 'part' ? wanted.span : { start: 0, end: head.size }
  const begin = () => {
    response.setHeader('Content-Type', head.type)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Content-Length', span.end - span.start)
    if (head.cacheStatus) response.setHeader('Cache-Status', head.cacheStatus(span))
    if (wanted.kind === 'part') response.setHeader('Content-Range', contentRange(wanted.span, head.size))
    response.writeHead(wanted.kind === 'part' ? 206 : 200)
  }
  if (request.method !== 'HEAD') return { span, begin }
  begin()
  return void response.end()
}

/** Hands bytes to the system; waits while the client takes none. @returns false when the client has gone */
export async function write(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  if (response.destroyed) return false
  if (!response.write(bytes))
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off('drain', go)
        response.off('close', go)
        resolve()
      }
      response.on('drain', go)
      response.on('close', go)
    })
  return !response.destroyed
}
