import { DOWNLOAD_PARAMETER } from '../protocol/bridge.ts'
import type { ManifestFile } from '../protocol/manifest.ts'

/** Never served from chunks: what runs with the site's authority, or what is not a file's content. */
const EXCLUDED_DESTINATIONS = new Set<string>([
  'audioworklet',
  'font',
  'json',
  'manifest',
  'paintworklet',
  'script',
  'serviceworker',
  'sharedworker',
  'style',
  'worker',
  'xslt',
])

/** Headers that make an answer depend on more than the URL and the range. */
const EXCLUDED_HEADERS = [
  'authorization',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const

/**
 * Whether a request may be for a file of ours, told from the request alone: the manifest may not be in memory yet.
 * Synchronous and cheap, for it sees every request of the site.
 */
export function mightServe(request: Request, siteRoot: string): boolean {
  if (request.method !== 'GET' || !request.url.startsWith(siteRoot)) return false
  if (EXCLUDED_DESTINATIONS.has(request.destination) || request.cache === 'only-if-cached') return false
  return !EXCLUDED_HEADERS.some((name) => request.headers.has(name))
}

export interface Target {
  /** The URL as the origin knows it. */
  readonly url: string
  /** Set for a download that a page leads through the worker: the name to save it under, perhaps empty. */
  readonly downloadName: string | undefined
}

/** Takes our own parameter off a URL. */
export function targetOf(requestUrl: string): Target {
  const url = new URL(requestUrl)
  url.hash = ''
  const downloadName = url.searchParams.get(DOWNLOAD_PARAMETER) ?? undefined
  if (downloadName !== undefined) url.searchParams.delete(DOWNLOAD_PARAMETER)
  return { url: url.href, downloadName }
}

/** The same without the name that a link gives: it is a download all the same. */
export function unnamed({ url, downloadName }: Target): Target {
  return { url, downloadName: downloadName && '' }
}

/** Whether a page's script asks for what a media element plays: to feed it, most likely. */
export function feedsPlayer(request: Request, { type }: ManifestFile): boolean {
  return request.destination === '' && /^(audio|video)\//.test(type)
}

/** Engines whose media elements go on by themselves after a 206 that is shorter than they asked for. WebKit's do not. */
const TAKES_SHORT_ANSWERS = /(Firefox|Chrome|Chromium)\//

/** Whether a media element asks. */
export function isMedia({ destination }: Request): boolean {
  return destination === 'video' || destination === 'audio'
}

/** Whether a media element asks, and would ask again after a short window of the rest. */
export function takesWindows(request: Request, userAgent: string): boolean {
  return isMedia(request) && TAKES_SHORT_ANSWERS.test(userAgent)
}

/** Whether a media element has begun already: the first time, it asks for everything. */
export function isContinued(request: Request): boolean {
  return isMedia(request) && !(request.headers.get('range') ?? '').startsWith('bytes=0-')
}
