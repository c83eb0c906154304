import type { ByteSpan } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { contentRange, unsatisfiedRange } from '../protocol/range.ts'
import { fieldsOf } from '../protocol/shape.ts'

/** What the origin says of a file beside its bytes. Kept in the store, so that cached answers look like the origin's own. */
export interface FileHead {
  /** Lower-case names. Without those that belong to one answer or one connection. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** Headers of one message or one hop (RFC 9110 section 7.6.1), or those that we set ourselves. */
const NOT_KEPT = new Set([
  'age',
  'connection',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'date',
  'keep-alive',
  'server-timing',
  'transfer-encoding',
])

/** The head of a 200 or 206 of the origin. */
export function headOf(response: Response): FileHead {
  return { headers: [...response.headers].filter(([name]) => !NOT_KEPT.has(name)) }
}

/** The head to answer with while the origin has not been heard. */
export function headFromManifest(file: ManifestFile): FileHead {
  return {
    headers: [
      ['accept-ranges', 'bytes'],
      ['content-type', file.type],
    ],
  }
}

/** Parses a head that was stored by `values`; undefined when it is none. */
export function parseHead(value: unknown): FileHead | undefined {
  const { headers } = fieldsOf(value)
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string')
  return Array.isArray(headers) && headers.every(isPair) ? { headers } : undefined
}

export function headerOf(head: FileHead, name: string): string | undefined {
  return head.headers.find(([key]) => key === name)?.[1]
}

/** A validator as If-Range takes it; a symbol stands for one answer without any, which is like no other. */
export type Version = string | symbol

/** What tells the version that an answer belongs to: bytes under one validator may follow one another (RFC 9110 section 8.8). */
export function versionOf(head: FileHead): Version {
  const etag = headerOf(head, 'etag')
  return etag?.startsWith('"') ? etag : (headerOf(head, 'last-modified') ?? Symbol('no validator'))
}

/** Whether If-Range names this version: a strong entity tag or the exact date (RFC 9110 section 13.1.5). */
export function matchesIfRange(ifRange: string, head: FileHead): boolean {
  if (/^W\//.test(ifRange)) return false
  const validator = ifRange.startsWith('"') ? headerOf(head, 'etag') : headerOf(head, 'last-modified')
  return validator === ifRange
}

export interface AnswerShape {
  readonly file: ManifestFile
  readonly head: FileHead
  /** Undefined for a 200. */
  readonly part: ByteSpan | undefined
  readonly downloadName: string | undefined
}

/** Status line and headers of an answer made of chunks. */
export function responseInit({ file, head, part, downloadName }: AnswerShape): ResponseInit {
  const headers = new Headers(head.headers.map(([name, value]): [string, string] => [name, value]))
  const { start, end } = part ?? { start: 0, end: file.size }
  headers.set('content-length', String(end - start))
  if (part) headers.set('content-range', contentRange(part, file.size))
  if (downloadName !== undefined) headers.set('content-disposition', disposition(head, downloadName, file.path))
  return { status: part ? 206 : 200, headers }
}

/** The answer to a range that lies past the end. */
export function unsatisfiable(file: ManifestFile): Response {
  return new Response(null, {
    status: 416,
    headers: { 'content-range': unsatisfiedRange(file.size) },
  })
}

/** Content-Disposition of a download. A file name that the origin gives wins over the link's (HTML, "downloading resources"). */
export function disposition(head: FileHead, linkName: string, path: string): string {
  const given = headerOf(head, 'content-disposition')
  if (given && /;\s*filename\*?\s*=/i.test(given)) return given.replace(/^\s*[^;\s]+/, 'attachment')
  const name = linkName || (path.split('/').at(-1) ?? 'download')
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  // RFC 8187: attr-char of the extended form excludes what encodeURIComponent leaves of these.
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
