import { readFile, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import send from 'send'
import { answerRange, rangeHeader } from '../../protocol/range.ts'
import { mediaTypeOf } from '../scan.ts'
import { bufferSource, fileSource, writeBody } from './body.ts'
import { noneMatchHits, rangeApplies } from './conditions.ts'
import type { Egress } from './egress.ts'
import { injectTag } from './inject.ts'

const pack = promisify(gzip)
/** Packed scripts that are kept. */
const MOST_PACKED = 16

/** One request, and what its response reports to. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly egress: Egress
  readonly onWritten: (bytes: number) => void
}

/** A file to answer with. */
export interface FileToSend {
  /** The path that the client asked for; its ending gives the media type. */
  readonly path: string
  readonly absolute: string
  readonly etag: string
}

/** Lets pages of other origins read ranges, and read the headers that tell what they got. */
export function allowOrigins(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader(
    'Access-Control-Expose-Headers',
    'Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified',
  )
}

export function answerPreflight(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, OPTIONS')
  response.setHeader('Access-Control-Allow-Headers', 'Range, If-Range, If-Match, If-None-Match, If-Modified-Since')
  response.setHeader('Access-Control-Max-Age', '86400')
  response.writeHead(204).end()
}

/** A short answer in words; not shaped, not counted. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  response.writeHead(status).end(response.req.method === 'HEAD' ? undefined : body)
}

/**
 * Clients keep files and ask whether they are current. Who wants no cache at all, as our worker does, is taken at its word:
 * a browser copies bytes once less that it need not keep (docs/decisions/011). A proxy keeps what it has asked for all others.
 */
function cachingFor({ headers }: IncomingMessage): string {
  const isDirect = headers.via === undefined && headers['x-forwarded-for'] === undefined
  return isDirect && /\bno-(cache|store)\b/i.test(String(headers['cache-control'])) ? 'no-store' : 'no-cache'
}

/** Answers with a file: conditions, one range or the whole, by RFC 9110. */
export async function answerFile(exchange: Exchange, file: FileToSend): Promise<void> {
  const { request, response, egress, onWritten } = exchange
  const source = await fileSource(file.absolute)
  const { mtime, size } = await stat(file.absolute)
  const lastModified = mtime.toUTCString()
  response.setHeader('Content-Type', mediaTypeOf(file.path))
  response.setHeader('ETag', file.etag)
  response.setHeader('Last-Modified', lastModified)
  response.setHeader('Cache-Control', cachingFor(request))
  const range = answerRange(request.headers.range ?? null, size)
  if (!rangeApplies(request, { etag: file.etag, lastModified, size })) delete request.headers.range
  // `send` refuses a suffix that is longer than the file; RFC 9110 section 14.1.2 wants the whole of it.
  else if (range.kind === 'part') request.headers.range = rangeHeader(range.span)
  delete request.headers['if-range']
  await new Promise<void>((resolve) => {
    const stream = send(request, `/${encodeURIComponent(basename(file.absolute))}`, {
      root: dirname(file.absolute),
      dotfiles: 'allow',
      index: false,
    })
    let started = false
    // `send` decides on status and headers; the body goes out in turns, counted.
    stream.stream = (_path: string, options?: { start?: number }) => {
      started = true
      const length = Number(response.getHeader('Content-Length'))
      void writeBody(response, source, { start: options?.start ?? 0, length, egress, onWritten }).then(resolve)
    }
    stream.on('error', (error: { status?: number; headers?: Record<string, string> }) => {
      for (const [name, value] of Object.entries(error.headers ?? {})) response.setHeader(name, value)
      answerText(response, error.status ?? 500, `${error.status ?? 500}`)
    })
    response.once('close', () => {
      if (!started) void source.close().then(resolve)
    })
    stream.pipe(response)
  })
}

/** Answers with a page that has our tag. Always whole: a range of a page is of no use to anybody. */
export async function answerPage(exchange: Exchange, file: FileToSend): Promise<void> {
  await answerWhole(exchange, file, injectTag(await readFile(file.absolute)), 'tagged')
}

/** Our scripts, by ETag: there are four, and they change when the package does. */
const packed = new Map<string, Promise<Buffer>>()

/** Answers with a script of ours, packed where the client takes that: visitors wait for it before they meet their peers. */
export async function answerScript(exchange: Exchange, file: FileToSend): Promise<void> {
  const { headers } = exchange.request
  exchange.response.setHeader('Vary', 'Accept-Encoding')
  if (headers.range !== undefined || !/\bgzip\b(?!\s*;\s*q=0)/.test(String(headers['accept-encoding'])))
    return await answerFile(exchange, file)
  const key = file.absolute + file.etag
  if (packed.size > MOST_PACKED) packed.clear()
  const packing = packed.get(key) ?? readFile(file.absolute).then((bytes) => pack(bytes))
  packed.set(key, packing)
  packing.catch(() => packed.delete(key))
  const bytes = await packing
  exchange.response.setHeader('Content-Encoding', 'gzip')
  await answerWhole(exchange, file, bytes, 'gzip')
}

/** @param variant of the file: has an ETag of its own */
async function answerWhole(exchange: Exchange, file: FileToSend, bytes: Buffer, variant: string): Promise<void> {
  const { request, response, egress, onWritten } = exchange
  const etag = file.etag.replace(/"$/, `-${variant}"`)
  response.setHeader('Content-Type', mediaTypeOf(file.path))
  response.setHeader('ETag', etag)
  response.setHeader('Cache-Control', 'no-cache')
  if (noneMatchHits(request.headers['if-none-match'], etag)) {
    response.removeHeader('Content-Type')
    response.removeHeader('Content-Encoding')
    response.writeHead(304).end()
    return
  }
  response.setHeader('Content-Length', bytes.length)
  if (request.method === 'HEAD') response.end()
  else await writeBody(response, bufferSource(bytes), { start: 0, length: bytes.length, egress, onWritten })
}
