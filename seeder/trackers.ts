import { SeederError } from './errors.ts'

export interface TrackerChoice {
  /** Used instead of what the manifest names, unless empty. Absolute WebSocket URLs. */
  readonly announce: readonly string[]
  /** The site's public URL: trackers that the manifest names by their path alone are on its host. */
  readonly origin?: string
}

/**
 * The trackers to announce to, as absolute WebSocket URLs.
 * @param named `mesh.announce` of the manifest
 * @throws SeederError when there is none that can be reached from outside of a page
 */
export function trackersOf(named: readonly string[], { announce, origin }: TrackerChoice): string[] {
  if (announce.length > 0) return [...new Set(announce)]
  if (named.length === 0)
    throw new SeederError('the manifest names no tracker', 'give one with --announce wss://tracker.example/announce')
  const isPath = (url: string) => url.startsWith('/')
  const usable = origin === undefined ? named.filter((url) => !isPath(url)) : named
  if (usable.length === 0)
    throw new SeederError(
      `the manifest's tracker ${named[0]} is a path on the site's own host`,
      'say which host with --origin https://your.site/, or name a tracker with --announce wss://host/announce',
    )
  return [...new Set(usable.map((url) => (isPath(url) ? onHost(url, origin ?? '') : url)))]
}

function onHost(path: string, origin: string): string {
  const url = new URL(path, origin)
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
  return url.href
}
