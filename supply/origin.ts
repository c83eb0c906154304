import type { FallbackReason } from '../protocol/delivery.ts'
import type { ByteSpan } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { parseContentRange, rangeHeader } from '../protocol/range.ts'
import { type FileHead, headOf } from './head.ts'

/** What the origin answered to a request for part of a file. */
export type OriginAnswer =
  /** The bytes of `span`, from a version that may be the manifest's. */
  | { readonly kind: 'bytes'; readonly response: Response; readonly span: ByteSpan; readonly head: FileHead }
  /** An error status, to be handed on as it is. */
  | { readonly kind: 'status'; readonly response: Response }
  /** Not the file that the manifest describes. */
  | {
      readonly kind: 'other'
      readonly response: Response
      readonly reason: FallbackReason
      readonly detail: string
    }

export interface OriginRequest {
  readonly url: string
  readonly file: ManifestFile
  /** Undefined asks for the whole file without a Range header. */
  readonly span: ByteSpan | undefined
  readonly credentials: RequestCredentials
  /** Milliseconds until the answer must begin; undefined: the browser's own. */
  readonly patience?: number | undefined
}

/**
 * Asks the origin, past the HTTP cache: these bytes rest in our own store.
 * @throws TypeError when the origin cannot be reached, AbortError when it does not answer in time
 */
export async function askOrigin({ url, file, span, credentials, patience }: OriginRequest): Promise<OriginAnswer> {
  const whole = { start: 0, end: file.size }
  const stop = new AbortController()
  const timer = patience === undefined ? undefined : setTimeout(() => stop.abort(), patience)
  const headers = span ? { range: rangeHeader(span) } : {}
  const response = await fetch(url, { cache: 'no-store', credentials, headers, signal: stop.signal })
  clearTimeout(timer)
  if (response.status !== 200 && response.status !== 206) return { kind: 'status', response }
  const encoding = response.headers.get('content-encoding')
  if (encoding && encoding !== 'identity') return other(response, 'encoded', `Content-Encoding is ${encoding}`)
  const got = response.status === 206 ? parseContentRange(response.headers.get('content-range')) : wholeOf(response)
  if (!got || (got.size !== undefined && got.size !== file.size))
    return other(response, 'wrong-length', `the origin has ${got?.size ?? 'unknown'} bytes, the manifest ${file.size}`)
  // A 206 with other bytes than asked for is of no use; a 200 to a range is the whole file (RFC 9110 section 14.2).
  const asked = span ?? whole
  if (response.status === 206 && (got.span.start !== asked.start || got.span.end > asked.end))
    return other(response, 'error', `asked for ${rangeHeader(asked)}, got ${response.headers.get('content-range')}`)
  return { kind: 'bytes', response, span: got.span, head: headOf(response) }
}

/** The origin cannot bring what a reader needs. */
export class OriginFailed extends Error {
  override readonly name = 'OriginFailed'
}

/** Whether the origin would rather be asked later. A download in one request would never have been told so. */
export function isBusy({ status }: Response): boolean {
  return status === 429 || status >= 500
}

function wholeOf(response: Response): { span: ByteSpan; size: number } | undefined {
  const length = response.headers.get('content-length')
  if (length === null) return undefined // cannot be checked before it is too late
  return { span: { start: 0, end: Number(length) }, size: Number(length) }
}

function other(response: Response, reason: FallbackReason, detail: string): OriginAnswer {
  return { kind: 'other', response, reason, detail }
}
