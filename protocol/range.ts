import type { ByteSpan } from './geometry.ts'

/** All answers that a Range header can have (RFC 9110 section 14.2). */
export type RangeAnswer =
  | { readonly kind: 'whole' } // no header, another unit, several ranges, or nonsense: the header is ignored
  | { readonly kind: 'part'; readonly span: ByteSpan }
  | { readonly kind: 'unsatisfiable' }

/**
 * Answers a Range header for a representation of `size` bytes. Never throws.
 * Positions too large for an exact number are clamped like any position past the end.
 */
export function answerRange(header: string | null, size: number): RangeAnswer {
  const { from, to } = endsOf(header)
  // Compared as they are written: beyond 2^53 numbers are no longer exact.
  const isBackward = from !== '' && to !== '' && BigInt(to) < BigInt(from)
  if (isBackward || (from === '' && to === '')) return { kind: 'whole' }
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1)
  return start < end ? { kind: 'part', span: { start, end } } : { kind: 'unsatisfiable' }
}

/** Whether the client leaves the end to us: `bytes=N-`. Only such a request may be answered with a shorter window. */
export function isOpenRange(header: string | null): boolean {
  const { from, to } = endsOf(header)
  return from !== '' && to === ''
}

/** The digits on both sides of a single range's dash; none for anything else. */
function endsOf(header: string | null): { readonly from: string; readonly to: string } {
  const [, from = '', to = ''] = /^bytes[ \t]*=[ \t]*(\d*)-(\d*)$/i.exec(header?.trim() ?? '') ?? []
  return { from, to }
}

/** Content-Range of a 206: the one place where `end` turns inclusive (RFC 9110 section 14.4). */
export function contentRange(span: ByteSpan, size: number): string {
  return `bytes ${span.start}-${span.end - 1}/${size}`
}

/** Content-Range of a 416. */
export function unsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/** Range header that asks for exactly `span`. */
export function rangeHeader(span: ByteSpan): string {
  return `bytes=${span.start}-${span.end - 1}`
}

export interface ParsedContentRange {
  readonly span: ByteSpan
  /** Complete length, or undefined for `*`. */
  readonly size: number | undefined
}

/** Parses the Content-Range of a 206; undefined for anything that is not exactly one. */
export function parseContentRange(header: string | null): ParsedContentRange | undefined {
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header?.trim() ?? '') ?? []
  const start = Number(first)
  const end = Number(last) + 1
  const size = total === '*' ? undefined : Number(total)
  return start < end && end <= (size ?? end) ? { span: { start, end }, size } : undefined
}
