// The one place that turns URLs into manifest paths and back.

/** URL of a manifest path below `siteRoot`, each segment percent-encoded. */
export function urlOfPath(path: string, siteRoot: string): string {
  return new URL(path.split('/').map(encodeURIComponent).join('/'), siteRoot).href
}

/**
 * Manifest path that `url` names, or undefined when it lies outside `siteRoot`, is not well formed,
 * or has a query with anything but `ignorableParameters`.
 * @param siteRoot URL of the directory that holds the manifest, ending in `/`
 */
export function pathOfUrl(url: string, siteRoot: string, ignorableParameters: readonly string[]): string | undefined {
  try {
    const { origin, pathname, searchParams } = new URL(url)
    const root = new URL(siteRoot)
    if (origin !== root.origin || !pathname.startsWith(root.pathname)) return undefined
    for (const name of searchParams.keys()) if (!ignorableParameters.includes(name)) return undefined
    const segments = pathname.slice(root.pathname.length).split('/').map(decodeURIComponent)
    // An encoded slash would make two different URLs look like one path.
    return segments.some((segment) => segment === '' || segment.includes('/')) ? undefined : segments.join('/')
  } catch {
    return undefined // not a URL, or not UTF-8: such a name cannot be in a manifest
  }
}
