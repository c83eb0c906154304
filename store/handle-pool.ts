import type { FileHandle } from 'node:fs/promises'

interface Entry {
  readonly handle: Promise<FileHandle>
  /** Reads that are under way. */
  users: number
  /** Whether somebody used it since the last sweep. */
  isFresh: boolean
  /** No longer in the pool: closed when the last reader is done. */
  isForgotten: boolean
}

/** Open files, bounded: the least recently used one that nobody reads is closed first. */
export class HandlePool {
  readonly #capacity: number
  /** In order of use, the least recent first. */
  readonly #entries = new Map<string, Entry>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Files that are held open. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Lends the handle of `key`, opening it where it is not open.
   * @param open rejects when the file cannot be opened; nothing is remembered then
   */
  async use<T>(key: string, open: () => Promise<FileHandle>, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(key) ?? { handle: open(), users: 0, isFresh: true, isForgotten: false }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    entry.users++
    entry.isFresh = true
    this.#shrink()
    try {
      return await work(await entry.handle)
    } catch (error) {
      this.#forget(key, entry)
      throw error
    } finally {
      entry.users--
      if (entry.isForgotten && entry.users === 0) closeQuietly(entry)
      this.#shrink()
    }
  }

  /** Opens the file anew at its next use: another one may have its name by now. */
  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry) this.#forget(key, entry)
  }

  /** Closes what was not used since the last sweep, so that deleted files give their space back. */
  sweep(): void {
    for (const [key, entry] of [...this.#entries]) {
      if (!entry.isFresh && entry.users === 0) this.#forget(key, entry)
      entry.isFresh = false
    }
  }

  /** Closes everything; a file that is being read, afterwards. */
  clear(): void {
    for (const [key, entry] of [...this.#entries]) this.#forget(key, entry)
  }

  #shrink(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return
      if (entry.users === 0) this.#forget(key, entry)
    }
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    if (entry.isForgotten) return
    entry.isForgotten = true
    if (entry.users === 0) closeQuietly(entry)
  }
}

function closeQuietly({ handle }: Entry): void {
  handle.then((file) => file.close()).catch(() => undefined) // it never opened, or the system has closed it
}
