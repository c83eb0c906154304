import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { contentType } from 'mime-types'
import picomatch from 'picomatch'
import { isExecutableType, MANIFEST_NAME } from '../protocol/manifest.ts'
import { fileFailure, systemErrorCode } from './failure.ts'
import { type FileStamp, stampOf } from './file-stamp.ts'

/** A file of the site that chunks may carry. */
export interface SiteFile {
  /** Path below the site root with `/` between the segments. */
  readonly path: string
  readonly absolute: string
  readonly stamp: FileStamp
  /** Media type as `tributary serve` sends it. */
  readonly type: string
}

export interface ScanOptions {
  /** Smaller files stay with the origin, unless a bundle names them; playlists even then. Bytes. */
  readonly minSize: number
  /** Globs; empty means all files. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly bundles: readonly string[]
}

export interface Scan {
  /** In no particular order. */
  readonly files: readonly SiteFile[]
  /** Files left out that the user may have expected in, with the reason. */
  readonly warnings: readonly string[]
}

/** Files of ours in the site: `chunks/<infoHash>.sha256` and `.torrent`. */
export const HASH_FOLDER = 'chunks'
export const OWN_HASH_FILE = /^[0-9a-f]{40}\.(sha256|torrent)$/

/** Media type of a path as `send` gives it. */
export function mediaTypeOf(path: string): string {
  return contentType(extname(path)) || 'application/octet-stream'
}

/**
 * Walks a site and lists the files that chunks may carry. Dotfiles, `node_modules` and our own files are left out.
 * @throws Failure when a directory or file cannot be read
 */
export async function scanSite(root: string, options: ScanOptions): Promise<Scan> {
  const walk = new Walk(await realRoot(root), options)
  await walk.folder('', [walk.root])
  return { files: walk.files, warnings: walk.warnings.sort() }
}

/**
 * Root of a site without links.
 * @throws Failure when it is not a folder that can be read
 */
export async function realRoot(root: string): Promise<string> {
  try {
    const real = await realpath(root)
    await readdir(real)
    return real
  } catch (error) {
    throw fileFailure(error, 'read', root)
  }
}

class Walk {
  readonly root: string
  readonly files: SiteFile[] = []
  readonly warnings: string[] = []
  readonly #minSize: number
  readonly #isIncluded: (path: string) => boolean
  readonly #isExcluded: (path: string) => boolean
  readonly #isBundled: (path: string) => boolean

  constructor(root: string, options: ScanOptions) {
    this.root = root
    this.#minSize = options.minSize
    this.#isIncluded = options.include.length > 0 ? matcher(options.include) : () => true
    this.#isExcluded = matcher(options.exclude)
    this.#isBundled = matcher(options.bundles)
  }

  /** @param chain real paths of the folders that lead here, against links that run in a circle */
  async folder(path: string, chain: readonly string[]): Promise<void> {
    const absolute = join(this.root, path)
    const entries = await readdir(absolute, { withFileTypes: true }).catch((error) => {
      throw fileFailure(error, 'read', absolute)
    })
    await Promise.all(
      entries
        .filter((entry) => !entry.name.startsWith('.') && entry.name !== 'node_modules')
        .map((entry) => this.#entry(path === '' ? entry.name : `${path}/${entry.name}`, entry, chain)),
    )
  }

  async #entry(path: string, entry: Dirent, chain: readonly string[]): Promise<void> {
    if (path === MANIFEST_NAME || isOwnHashFile(path)) return
    if (path.includes('\\') || path.includes('\uFFFD')) {
      this.warnings.push(`${path}: left out, its name cannot stand in a manifest`)
      return
    }
    if (entry.isSymbolicLink()) await this.#link(path, chain)
    else if (entry.isDirectory()) await this.folder(path, [...chain, join(this.root, path)])
    else if (entry.isFile()) await this.#file(path)
  }

  async #link(path: string, chain: readonly string[]): Promise<void> {
    const target = await realpath(join(this.root, path)).catch((error) => {
      if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ELOOP') return undefined
      throw fileFailure(error, 'follow', join(this.root, path))
    })
    if (target === undefined) this.warnings.push(`${path}: left out, the link leads nowhere`)
    else if (target !== this.root && !target.startsWith(this.root + sep))
      this.warnings.push(`${path}: left out, the link leads outside of the site`)
    else if (chain.includes(target)) this.warnings.push(`${path}: left out, the link leads back to its own folder`)
    else if ((await stat(target)).isDirectory()) await this.folder(path, [...chain, target])
    else await this.#file(path)
  }

  async #file(path: string): Promise<void> {
    const type = mediaTypeOf(path)
    const bundled = this.#isBundled(path) && !isPlaylist(type)
    if (isExecutableType(type) || this.#isExcluded(path) || !(bundled || this.#isIncluded(path))) return
    const absolute = join(this.root, path)
    const stats = await stat(absolute, { bigint: true }).catch((error) => {
      if (systemErrorCode(error) === 'ENOENT') return undefined // gone since the folder was read
      throw fileFailure(error, 'read', absolute)
    })
    if (!stats?.isFile()) return
    const stamp = stampOf(stats)
    if (stamp.size === 0) this.warnings.push(`${path}: left out, it is empty`)
    else if (bundled || stamp.size >= this.#minSize) this.files.push({ path, absolute, stamp, type })
  }
}

/** A playlist of HLS or DASH may change while the files that it names stay: it is no part of their bundle. */
export function isPlaylist(type: string): boolean {
  return /^(application\/(vnd\.apple\.mpegurl|dash\+xml)|audio\/x-mpegurl)$/.test(type)
}

/** Whether any of the globs matches; a glob without a slash matches at any depth, like in .gitignore. */
export function matcher(globs: readonly string[]): (path: string) => boolean {
  const tests = globs.map((glob) => picomatch(glob.replace(/^\.?\//, ''), { basename: !glob.includes('/') }))
  return (path) => tests.some((matches) => matches(path))
}

function isOwnHashFile(path: string): boolean {
  const [folder, name, ...deeper] = path.split('/')
  return folder === HASH_FOLDER && name !== undefined && deeper.length === 0 && OWN_HASH_FILE.test(name)
}
