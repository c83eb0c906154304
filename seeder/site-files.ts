import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { HandlePool } from '../store/handle-pool.ts'
import { reasonOf } from './errors.ts'

/** What the disk says about a listed file. */
export type FileLook =
  /** `stamp` changes whenever the file is written or replaced. */
  | { readonly kind: 'file'; readonly size: number; readonly stamp: string }
  /** It must not be read, or cannot. */
  | { readonly kind: 'refused'; readonly reason: string }

/** A listed file that must not be read, or cannot. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused'
}

/** The last component may not have become a link since it was resolved, nor may opening a pipe wait for its writer. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The files below a site's root. Whatever path is asked for, nothing outside of the root is ever opened. */
export class SiteFiles {
  readonly #root: string
  readonly #handles: HandlePool

  private constructor(root: string, maxOpen: number) {
    this.#root = root
    this.#handles = new HandlePool(maxOpen)
  }

  /** @throws the system's error when the folder cannot be found */
  static async open(root: string, maxOpen: number): Promise<SiteFiles> {
    return new SiteFiles(await realpath(root), maxOpen)
  }

  get openFiles(): number {
    return this.#handles.size
  }

  /** @param path relative to the root, `/` between the segments */
  async look(path: string): Promise<FileLook> {
    try {
      const stats = await stat(await this.#resolve(path), { bigint: true })
      return stats.isFile() ? lookOf(stats) : { kind: 'refused', reason: 'is not a file' }
    } catch (error) {
      return { kind: 'refused', reason: refusalOf(error) }
    }
  }

  /**
   * Fills `into` from byte `start` on.
   * @returns whether the file has that many bytes
   * @throws FileRefused
   */
  async read(path: string, start: number, into: Uint8Array): Promise<boolean> {
    try {
      return await this.#handles.use(
        path,
        () => this.#open(path),
        (file) => fill(file, start, into),
      )
    } catch (error) {
      throw new FileRefused(`${path} ${refusalOf(error)}`, { cause: error })
    }
  }

  /**
   * A small file as a whole.
   * @returns undefined when it is larger than `most` bytes
   * @throws FileRefused
   */
  async readWhole(path: string, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const look = await this.look(path)
    if (look.kind === 'refused') throw new FileRefused(`${path} ${look.reason}`)
    if (look.size > most) return undefined
    const bytes = new Uint8Array(look.size)
    this.#handles.forget(path)
    const isWhole = await this.read(path, 0, bytes)
    this.#handles.forget(path)
    return isWhole ? bytes : undefined
  }

  /** Opens a file anew at its next use. */
  forget(path: string): void {
    this.#handles.forget(path)
  }

  /** Closes what was not used since the last sweep. */
  sweep(): void {
    this.#handles.sweep()
  }

  close(): void {
    this.#handles.clear()
  }

  async #open(path: string): Promise<FileHandle> {
    const file = await open(await this.#resolve(path), OPEN_FLAGS)
    const stats = await file.stat()
    if (stats.isFile()) return file
    await file.close()
    throw new FileRefused('is not a file')
  }

  /** Absolute path without links. @throws FileRefused when it leads outside */
  async #resolve(path: string): Promise<string> {
    const segments = path.split('/')
    if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment)))
      throw new FileRefused('is not a plain path below the folder')
    const absolute = await realpath(join(this.#root, ...segments))
    if (!absolute.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep))
      throw new FileRefused('leads outside of the folder')
    return absolute
  }
}

function lookOf(stats: BigIntStats): FileLook {
  return {
    kind: 'file',
    size: Number(stats.size),
    stamp: `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.ino}`,
  }
}

function refusalOf(error: unknown): string {
  if (error instanceof FileRefused) return error.message
  const reason = reasonOf(error)
  return reason === 'ENOENT' ? 'is missing' : `cannot be read (${reason})`
}

async function fill(file: FileHandle, start: number, into: Uint8Array): Promise<boolean> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, start + filled)
    if (bytesRead === 0) return false
    filled += bytesRead
  }
  return true
}
