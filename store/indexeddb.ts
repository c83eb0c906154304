import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, KiB } from '../protocol/units.ts'
import { checkRun, MAX_RUN_CHUNKS, type RunStore, type StoredRun, type ValueStore } from './chunk-store.ts'
import { RunIndex } from './run-index.ts'

const DATABASE = 'tributary'
const VERSION = 1

/** From this size on a Blob is written and read faster than a buffer, below it much slower. */
const BLOB_FROM = 256 * KiB

/** The key says all that an index needs, so that opening a swarm reads keys alone. */
type RunKey = [swarm: InfoHash, first: number, after: number]

export interface RunRecord {
  readonly chunkSize: number
  readonly data: Blob | Uint8Array<ArrayBuffer>
}

export interface Schema extends DBSchema {
  runs: { key: RunKey; value: RunRecord }
  swarms: { key: InfoHash; value: { usedAt: number } }
  values: { key: string; value: unknown }
}

/** Chunks and values of one origin. */
export interface IndexedDbStores {
  readonly chunks: RunStore
  readonly values: ValueStore
}

/**
 * Opens the origin's database.
 * @throws DOMException when the browser refuses IndexedDB (private windows, blocked cookies, a damaged profile)
 */
export async function openIndexedDb(): Promise<IndexedDbStores> {
  const connection = new Connection()
  await connection.get()
  return { chunks: new IndexedDbStore(connection), values: new IndexedDbValues(connection) }
}

/** Keeps one connection open, and opens another when the browser has closed it. */
export class Connection {
  #open: Promise<IDBPDatabase<Schema>> | undefined

  get(): Promise<IDBPDatabase<Schema>> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#open = undefined
      throw error
    })
    return this.#open
  }

  /** Runs `work`, once more on a fresh connection when the old one turns out to be closed. */
  async use<T>(work: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    const db = await this.get()
    try {
      return await work(db)
    } catch (error) {
      if (!isNamed(error, 'InvalidStateError')) throw error
      this.#open = undefined
      return await work(await this.get())
    }
  }

  close(): void {
    this.#open?.then((db) => db.close()).catch(() => {})
    this.#open = undefined
  }

  #connect(): Promise<IDBPDatabase<Schema>> {
    return openDB<Schema>(DATABASE, VERSION, {
      upgrade(db) {
        db.createObjectStore('runs')
        db.createObjectStore('swarms')
        db.createObjectStore('values')
      },
      blocking: () => this.close(), // a newer version waits for us, or the visitor clears the site's data
      terminated: () => {
        this.#open = undefined
      },
    })
  }
}

export class IndexedDbStore implements RunStore {
  protected readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  runs(swarm: InfoHash): Promise<readonly ChunkSpan[]> {
    return this.connection.use(async (db) => {
      const keys = await db.getAllKeys('runs', IDBKeyRange.bound([swarm], [swarm, []]))
      return keys.map(spanOfKey)
    })
  }

  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [run] = await this.readRuns(swarm, { first: chunk, after: (chunk + 1) as ChunkIndex })
    if (!run) return undefined
    const start = (chunk - run.chunks.first) * run.chunkSize
    if (run.data instanceof Uint8Array) return run.data.slice(start, start + run.chunkSize)
    return new Uint8Array(await run.data.slice(start, start + run.chunkSize).arrayBuffer())
  }

  readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    return this.connection.use(async (db) => {
      const tx = db.transaction('runs')
      const keys = (await tx.store.getAllKeys(nearby(swarm, chunks))).filter(
        ([, first, after]) => first < chunks.after && after > chunks.first,
      )
      const head = keys[0]
      const last = keys.at(-1)
      if (!head || !last) return []
      const records = await tx.store.getAll(IDBKeyRange.bound(head, last))
      return records.map((record, i) => ({ chunks: spanOfKey(keys[i] ?? last), ...record }))
    })
  }

  async write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    checkRun(chunks)
    const span = { first, after: (first + chunks.length) as ChunkIndex }
    await withQuota(() => this.connection.use((db) => putRun(db, swarm, span, chunks)))
  }

  swarms(): Promise<readonly InfoHash[]> {
    return this.connection.use(async (db) => {
      const tx = db.transaction('swarms')
      const [keys, uses] = await Promise.all([tx.store.getAllKeys(), tx.store.getAll()])
      const usedAt = new Map(keys.map((key, i) => [key, uses[i]?.usedAt ?? 0]))
      return keys.sort((a, b) => (usedAt.get(a) ?? 0) - (usedAt.get(b) ?? 0))
    })
  }

  touch(swarm: InfoHash): Promise<void> {
    return this.connection.use(async (db) => {
      const tx = db.transaction('swarms', 'readwrite', { durability: 'relaxed' })
      const known = await tx.store.getKey(swarm)
      if (known !== undefined) await tx.store.put({ usedAt: Date.now() }, swarm)
      await tx.done
    })
  }

  drop(swarm: InfoHash): Promise<void> {
    return this.connection.use(async (db) => {
      const tx = db.transaction(['runs', 'swarms'], 'readwrite', { durability: 'relaxed' })
      await Promise.all([
        tx.objectStore('runs').delete(IDBKeyRange.bound([swarm], [swarm, []])),
        tx.objectStore('swarms').delete(swarm),
        tx.done,
      ])
    })
  }

  close(): void {
    this.connection.close()
  }
}

class IndexedDbValues implements ValueStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get(key: string): Promise<unknown> {
    return this.#connection.use((db) => db.get('values', key))
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#connection.use((db) => db.put('values', value, key))
  }

  async delete(key: string): Promise<void> {
    await this.#connection.use((db) => db.delete('values', key))
  }

  async clear(): Promise<void> {
    await this.#connection.use((db) => db.clear('values'))
  }
}

/** One transaction: looks which chunks are missing, and puts those. Nothing else is awaited inside. */
async function putRun(
  db: IDBPDatabase<Schema>,
  swarm: InfoHash,
  span: ChunkSpan,
  chunks: readonly Uint8Array<ArrayBuffer>[],
): Promise<void> {
  const tx = db.transaction(['runs', 'swarms'], 'readwrite', { durability: 'relaxed' })
  const runs = tx.objectStore('runs')
  const work = async () => {
    const stored = new RunIndex((await runs.getAllKeys(nearby(swarm, span))).map(spanOfKey))
    const puts = stored.missingIn(span).map((run) => {
      const parts = chunks.slice(run.first - span.first, run.after - span.first)
      return runs.put({ chunkSize: parts[0]?.length ?? 0, data: pack(parts) }, [swarm, run.first, run.after])
    })
    await Promise.all([...puts, tx.objectStore('swarms').put({ usedAt: Date.now() }, swarm)])
  }
  await Promise.all([work(), tx.done])
}

/** @throws QuotaExceeded when the browser has no room */
export async function withQuota(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (isNamed(error, 'QuotaExceededError')) throw new QuotaExceeded('no room', { cause: error })
    throw error
  }
}

function pack(parts: readonly Uint8Array<ArrayBuffer>[]): Blob | Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length >= BLOB_FROM) return new Blob([...parts])
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Keys of all runs that can hold any of `chunks`, and a few before them. */
function nearby(swarm: InfoHash, chunks: ChunkSpan): IDBKeyRange {
  return IDBKeyRange.bound([swarm, chunks.first - MAX_RUN_CHUNKS], [swarm, chunks.after], false, true)
}

export function spanOfKey([, first, after]: RunKey): ChunkSpan {
  return { first: first as ChunkIndex, after: after as ChunkIndex }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name
}
