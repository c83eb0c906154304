import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** What a request's URL means on the disk. */
export type SiteTarget =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly absolute: string
      readonly size: number
      readonly etag: string
    }
  /** A folder asked for without its slash. */
  | { readonly kind: 'folder'; readonly location: string }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'absent' }

/** @returns the decoded path of a request target, with a leading slash, or undefined when it is malformed */
export function pathOfTarget(target: string): string | undefined {
  const [path = ''] = target.split(/[?#]/, 1)
  if (!path.startsWith('/')) return undefined
  try {
    const segments = path.split('/').map(decodeURIComponent)
    // A decoded slash, backslash or NUL would mean another path to the file system than to the client.
    return segments.some((segment) => /[/\\\0]/.test(segment)) ? undefined : segments.join('/')
  } catch {
    return undefined // not UTF-8
  }
}

/** Finds the file below `root` that a decoded path names. Dotfiles, and links that lead outside, are absent. */
export async function resolveTarget(folder: string, path: string, query: string): Promise<SiteTarget> {
  const segments = path.split('/').slice(1)
  if (segments.some((segment) => segment === '..' || segment === '.')) return { kind: 'malformed' }
  if (segments.some((segment, i) => segment.startsWith('.') && !(i === 0 && segment === '.well-known')))
    return { kind: 'absent' }
  // An empty segment in the middle is another name for a path that has a name already.
  if (segments.slice(0, -1).includes('')) return { kind: 'absent' }
  const named = path.endsWith('/') ? `${path}index.html` : path
  try {
    const root = await realpath(folder)
    const absolute = await realpath(join(root, named))
    if (!absolute.startsWith(root.endsWith(sep) ? root : root + sep)) return { kind: 'absent' }
    const stats = await stat(absolute, { bigint: true })
    if (stats.isDirectory() && !path.endsWith('/')) return { kind: 'folder', location: `${encodePath(path)}/${query}` }
    if (!stats.isFile()) return { kind: 'absent' }
    return { kind: 'file', path: named, absolute, size: Number(stats.size), etag: strongTag(stats) }
  } catch {
    return { kind: 'absent' }
  }
}

/** Strong, as If-Range needs it (RFC 9110 section 13.1.5): any write gives another. */
function strongTag(stats: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `"${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}-${stats.ino.toString(36)}"`
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
