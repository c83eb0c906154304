import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb'
import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../protocol/units.ts'
import { checkRun, MAX_RUN_CHUNKS, type RunStore, type StoredRun, type ValueStore } from './chunk-store.ts'
import { RunIndex } from './run-index.ts'

const DATABASE = 'tributary'
const VERSION = 1
const STORES = ['runs', 'swarms', 'values'] as const

/** From this size on a Blob is written and read faster than a buffer, below it much slower. */
const BLOB_FROM = 256 * KiB

/**
 * An engine lets some 64 MiB of dropped buffers pile up, and with them the Blobs that were written, before it collects. A
 * buffer that nobody touches takes no memory, but counts: with it, garbage goes after every long run.
 */
const BALLAST_BYTES = 96 * MiB

/** A shorter run leaves too little behind to be worth a collection. */
const BALLASTED_FROM = 1 * MiB

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
  return { chunks: new IndexedDbStore(connection), values: valuesIn(connection) }
}

/** What is used of idb: transactions alone, so that the build can leave out its shortcuts (scripts/build.mjs). */
export type Database = Pick<IDBPDatabase<Schema>, 'transaction' | 'close'>

type Name = StoreNames<Schema>

/** Keeps one connection open, and opens another when the browser has closed it. */
export class Connection {
  #open: Promise<Database> | undefined

  get(): Promise<Database> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#open = undefined
      throw error
    })
    return this.#open
  }

  /** Runs `work`, once more on a fresh connection when the old one turns out to be closed. */
  async use<T>(work: (db: Database) => Promise<T>): Promise<T> {
    const db = await this.get()
    try {
      return await work(db)
    } catch (error) {
      if (!isNamed(error, 'InvalidStateError')) throw error
      this.#open = undefined
      return await work(await this.get())
    }
  }

  /**
   * Changes something in one transaction. `work` awaits nothing but the transaction's own requests.
   * @throws QuotaExceeded when the browser has no room
   */
  async change<Names extends [Name] | [Name, Name]>(
    names: Names,
    work: (tx: IDBPTransaction<Schema, Names, 'readwrite'>) => Promise<unknown>,
  ): Promise<void> {
    try {
      await this.use(async (db) => {
        const tx = db.transaction(names, 'readwrite', { durability: 'relaxed' })
        await Promise.all([work(tx), tx.done])
      })
    } catch (error) {
      throw isNamed(error, 'QuotaExceededError') ? new QuotaExceeded('no room', { cause: error }) : error
    }
  }

  close(): void {
    this.#open?.then((db) => db.close()).catch(() => {})
    this.#open = undefined
  }

  #connect(): Promise<Database> {
    return openDB<Schema>(DATABASE, VERSION, {
      upgrade(db) {
        for (const name of STORES) db.createObjectStore(name)
      },
      blocking: () => this.close(), // a newer version waits for us, or the visitor clears the site's data
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
      const keys = await db.transaction('runs').store.getAllKeys(runsFrom(swarm))
      return keys.map(spanOfKey)
    })
  }

  readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly StoredRun[]> {
    return this.connection.use(async (db) => {
      const { store } = db.transaction('runs')
      const nearby = await store.getAllKeys(runsAround(swarm, chunks))
      const keys = nearby.filter(([, , after]) => after > chunks.first)
      const [head] = keys
      if (!head) return []
      const records = await store.getAll(runsFrom(swarm, head[1], chunks.after))
      return records.map((record, i) => ({ chunks: spanOfKey(keys[i] ?? head), ...record }))
    })
  }

  async write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    checkRun(chunks)
    const span = { first, after: (first + chunks.length) as ChunkIndex }
    await this.connection.change(['runs', 'swarms'], async (tx) => {
      const runs = tx.objectStore('runs')
      const stored = new RunIndex((await runs.getAllKeys(runsAround(swarm, span))).map(spanOfKey))
      const puts = stored.missingIn(span).map((run) => {
        const parts = chunks.slice(run.first - first, run.after - first)
        return runs.put({ chunkSize: parts[0]?.length ?? 0, data: pack(parts) }, [swarm, run.first, run.after])
      })
      await Promise.all([...puts, tx.objectStore('swarms').put({ usedAt: Date.now() }, swarm)])
    })
    remindOfGarbage(chunks)
  }

  swarms(): Promise<readonly InfoHash[]> {
    return this.connection.use(async (db) => {
      const { store } = db.transaction('swarms')
      const [keys, uses] = await Promise.all([store.getAllKeys(), store.getAll()])
      const swarms = keys.map((key, i) => ({ key, usedAt: uses[i]?.usedAt ?? 0 }))
      return swarms.sort((a, b) => a.usedAt - b.usedAt).map(({ key }) => key)
    })
  }

  touch(swarm: InfoHash): Promise<void> {
    return this.connection.change(['swarms'], async ({ store }) => {
      const known = await store.getKey(swarm)
      if (known !== undefined) await store.put({ usedAt: Date.now() }, swarm)
    })
  }

  drop(swarm: InfoHash): Promise<void> {
    return this.connection.change(['runs', 'swarms'], (tx) =>
      Promise.all([tx.objectStore('runs').delete(runsFrom(swarm)), tx.objectStore('swarms').delete(swarm)]),
    )
  }
}

function valuesIn(connection: Connection): ValueStore {
  return {
    get: (key) => connection.use((db) => db.transaction('values').store.get(key)),
    set: (key, value) => connection.change(['values'], ({ store }) => store.put(value, key)),
    delete: (key) => connection.change(['values'], ({ store }) => store.delete(key)),
    clear: () => connection.change(['values'], ({ store }) => store.clear()),
  }
}

function pack(parts: readonly Uint8Array<ArrayBuffer>[]): Blob | Uint8Array<ArrayBuffer> {
  const length = lengthOf(parts)
  if (length >= BLOB_FROM) return new Blob([...parts])
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}

/** Has the engine collect soon what it has dropped of a run of many bytes. */
function remindOfGarbage(chunks: readonly Uint8Array[]): void {
  if (lengthOf(chunks) < BALLASTED_FROM) return
  try {
    new ArrayBuffer(BALLAST_BYTES)
  } catch {
    // No room in the address space: then the engine collects anyway.
  }
}

/** Keys of the runs of a swarm that begin at or after `from` and before `to`. */
export function runsFrom(swarm: InfoHash, from = 0, to = Number.POSITIVE_INFINITY): IDBKeyRange {
  return IDBKeyRange.bound([swarm, from], [swarm, to])
}

/** Keys of all runs that can hold any of `chunks`, and a few before them. */
function runsAround(swarm: InfoHash, chunks: ChunkSpan): IDBKeyRange {
  return runsFrom(swarm, chunks.first - MAX_RUN_CHUNKS, chunks.after)
}

export function spanOfKey([, first, after]: RunKey): ChunkSpan {
  return { first: first as ChunkIndex, after: after as ChunkIndex }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name
}
