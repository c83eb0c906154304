import type { IncomingMessage } from 'node:http'
import { answerRange, type RangeAnswer } from '../../protocol/range.ts'

/** What a request wants of a representation that it names conditions for (RFC 9110 section 13.2.2). */
export type Wanted = RangeAnswer | { readonly kind: 'unmodified' } | { readonly kind: 'failed' }

/** Dates are no conditions here: an edge knows what a file is, not when it was made. */
export function wantedOf({ method, headers }: IncomingMessage, etag: string, size: number): Wanted {
  if (headers['if-match'] !== undefined && !names(headers['if-match'], etag)) return { kind: 'failed' }
  if (headers['if-none-match'] !== undefined && names(headers['if-none-match'].replace(/(^|,\s*)W\//g, '$1'), etag))
    return { kind: 'unmodified' }
  const ifRange = headers['if-range']
  const rangeCounts = method === 'GET' && (ifRange === undefined || String(ifRange).trim() === etag)
  return answerRange(rangeCounts ? (headers.range ?? null) : null, size)
}

/** Whether a list of strong entity tags has this one. */
function names(list: string, etag: string): boolean {
  return list.trim() === '*' || list.split(',').some((tag) => tag.trim() === etag)
}
