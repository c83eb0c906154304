import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { QuotaExceeded } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/units.ts'
import { HandlePool } from './handle-pool.ts'

/** Names a run: its swarm and its first chunk. */
export interface RunName {
  readonly swarm: InfoHash
  readonly first: number
}

/** The bytes of runs, each in a file of its own below one folder. Nothing outside of that folder is ever touched. */
export class RunFiles {
  readonly #folder: string
  readonly #handles: HandlePool
  /** Swarms whose folders are known to be there. */
  readonly #made = new Set<string>()

  /** @param maxOpen files that are held open at the same time */
  constructor(folder: string, maxOpen: number) {
    this.#folder = folder
    this.#handles = new HandlePool(maxOpen)
  }

  get openFiles(): number {
    return this.#handles.size
  }

  /** @throws QuotaExceeded when the disk has no room; nothing is left behind then */
  async write(name: RunName, chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#makeFolder(name.swarm)
      const file = await open(this.#pathOf(name), 'w')
      try {
        await writeAll(file, chunks)
      } finally {
        // The system has the bytes: nobody need wait for this.
        file.close().catch(() => undefined)
      }
    } catch (error) {
      await this.remove(name).catch(() => undefined) // the first failure counts
      if (isFull(error)) throw new QuotaExceeded('the disk is full', { cause: error })
      throw error
    }
  }

  /** Bytes of a run, in a buffer of their own; undefined when its file is gone or shorter. */
  async read(name: RunName, start: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#pathOf(name)
    try {
      return await this.#handles.use(
        path,
        () => open(path, constants.O_RDONLY | constants.O_NOFOLLOW),
        (file) => readExactly(file, start, length),
      )
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async remove(name: RunName): Promise<void> {
    const path = this.#pathOf(name)
    this.#handles.forget(path)
    await rm(path, { force: true })
  }

  /** Removes files of runs that nobody has: what was being written when the process was killed. */
  async sweep(isKnown: (name: RunName) => boolean): Promise<void> {
    for (const swarm of await namesIn(this.#folder)) {
      if (!/^[0-9a-f]{40}$/.test(swarm)) continue
      for (const file of await namesIn(join(this.#folder, swarm))) {
        const name = { swarm: swarm as InfoHash, first: Number.parseInt(file, 16) }
        if (/^[0-9a-f]{8}$/.test(file) && !isKnown(name)) await this.remove(name)
      }
    }
  }

  close(): void {
    this.#handles.clear()
  }

  async #makeFolder(swarm: InfoHash): Promise<void> {
    if (this.#made.has(swarm)) return
    await mkdir(join(this.#folder, swarm), { recursive: true })
    this.#made.add(swarm)
  }

  #pathOf({ swarm, first }: RunName): string {
    return join(this.#folder, swarm, hexOf(first))
  }
}

/** Of one length, so that names sort like numbers. */
export function hexOf(index: number): string {
  return index.toString(16).padStart(8, '0')
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let { bytesWritten: done } = await file.writev([...chunks])
  // A disk that fills up takes part of it; the rest tells why.
  for (const chunk of chunks) {
    const written = Math.min(done, chunk.length)
    done -= written
    for (let at = written; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten
  }
}

async function readExactly(
  file: FileHandle,
  start: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // Not filled with zeros first: that would cost as much as reading from the system's cache.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled)
    if (bytesRead === 0) return undefined
    filled += bytesRead
  }
  return bytes
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return []
    throw error
  })
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
