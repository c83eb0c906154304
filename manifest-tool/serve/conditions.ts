import type { IncomingMessage } from 'node:http'
import { answerRange } from '../../protocol/range.ts'

/** What a condition is compared with. */
export interface Representation {
  readonly etag: string
  readonly lastModified: string
  /** Bytes. */
  readonly size: number
}

/**
 * Whether the Range header counts (RFC 9110 sections 13.1.5 and 14.2): only for GET, only a single valid range, and with
 * If-Range only when that is strongly the same representation. `send` compares tags as substrings and dates as "not after".
 */
export function rangeApplies(request: IncomingMessage, { etag, lastModified, size }: Representation): boolean {
  if (request.method !== 'GET' || answerRange(request.headers.range ?? null, size).kind === 'whole') return false
  const condition = request.headers['if-range']
  if (condition === undefined) return true
  const value = String(condition).trim()
  return value.includes('"') ? value === etag : value === lastModified
}

/** Whether If-None-Match names this tag (weak comparison, RFC 9110 section 13.1.2). */
export function noneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((tag) => bare(tag) === bare(etag))
}
