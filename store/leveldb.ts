import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import { type ChunkIndex, type InfoHash, MiB } from '../protocol/units.ts'
import { type ChunkStore, checkRun, type RestingBytes, type StoredRun, type ValueStore } from './chunk-store.ts'
import type { Evictable } from './evicting.ts'
import { type Database, openDatabase } from './leveldb-database.ts'
import { RunFiles } from './leveldb-files.ts'
import {
  encodeRecord,
  footprintOf,
  keyOf,
  parseRecord,
  placeOf,
  RUNS,
  type RunRecord,
  recordOf,
} from './leveldb-records.ts'
import { Shelves, type StoredRecord } from './leveldb-shelves.ts'
import { levelValues } from './leveldb-values.ts'

// LevelDB knows what there is; the bytes of a run are in a file beside it (docs/decisions/006). A file is whole before
// LevelDB hears of it, so a process that is killed leaves at most a file that nobody knows.

export interface LevelDbOptions {
  /** What chunks may take of the disk, in bytes; a write beyond it throws QuotaExceeded. */
  readonly capacity?: number
  readonly maxOpenFiles?: number
  /** Milliseconds since 1970, for the order of use. */
  readonly now?: () => number
}

/** Chunks on the disk of a Node process. */
export interface DiskStore extends ChunkStore<Uint8Array<ArrayBuffer> | RestingBytes> {
  readonly values: ValueStore
  /** Whether the last process that had the store closed it. If not, its chunks may be older than what LevelDB says. */
  readonly wasClosed: boolean
  /** What chunks take of the disk. */
  readonly used: number
  readonly openFiles: number
  /** Runs that are stored, the least recently asked first. */
  stored(): Iterable<Evictable>
  /** Forgets the runs that hold any of these chunks. @returns what has gone */
  forget(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly Evictable[]>
  close(): Promise<void>
}

/** The folder holds something else than a store. */
export class ForeignFolder extends Error {
  override readonly name = 'ForeignFolder'
}

/** Chunks of one record: in memory, or where they are when they are larger than what is read at once. */
export type DiskRun = StoredRun<Uint8Array<ArrayBuffer> | RestingBytes>

/** A look-up reads on within its run up to this much: whoever reads in order comes for it next. */
const READ_BYTES = 1 * MiB

/** Uses are written down this long after they happened: a killed process forgets that much of their order. */
const NOTE_USES_MS = 60_000

const DEFAULT_OPEN_FILES = 256
const CLOSED = 'closed'
/** What may lie in an empty folder: the root of a file system has one. */
const NO_MATTER = new Set(['lost+found', '.DS_Store'])

/**
 * One process at a time can open a folder. One that LevelDB finds broken is repaired, or emptied: what it held can be
 * had again.
 * @throws ForeignFolder; the system's or the database's error when the folder cannot be used or another process uses it
 */
export async function openLevelDb(folder: string, options: LevelDbOptions = {}): Promise<DiskStore> {
  await mkdir(folder, { recursive: true })
  const there = (await readdir(folder)).filter((name) => !NO_MATTER.has(name))
  if (there.length > 0 && !there.includes('CURRENT') && !there.includes('LOCK'))
    throw new ForeignFolder(`${folder} holds other things`)
  const database = await openDatabase(folder)
  try {
    const store = new LevelDbStore(database, join(folder, 'runs'), options)
    await store.load(there.length === 0)
    return store
  } catch (error) {
    await database.close()
    throw error
  }
}

class LevelDbStore implements DiskStore {
  readonly values: ValueStore
  wasClosed = false
  readonly #database: Database
  readonly #files: RunFiles
  readonly #capacity: number
  readonly #now: () => number
  readonly #shelves = new Shelves()
  /** Whose last use is not written down. */
  readonly #unnoted = new Set<StoredRecord>()
  #noting: NodeJS.Timeout | undefined
  /** Nothing has failed that could leave a file without its record, or the other way round. */
  #isSound = true
  /** Changes, one after the other. */
  #changes: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(database: Database, runsFolder: string, options: LevelDbOptions) {
    this.#database = database
    this.#files = new RunFiles(runsFolder, options.maxOpenFiles ?? DEFAULT_OPEN_FILES)
    this.#capacity = options.capacity ?? Number.POSITIVE_INFINITY
    this.#now = options.now ?? Date.now
    this.values = levelValues(database)
  }

  get used(): number {
    return this.#shelves.used
  }

  get openFiles(): number {
    return this.#files.openFiles
  }

  /** Reads what there is; the chunks themselves stay where they are. */
  async load(isNew: boolean): Promise<void> {
    this.wasClosed = isNew || (await this.#database.get(CLOSED)) !== undefined
    await this.#database.del(CLOSED)
    const records: RunRecord[] = []
    for await (const [key, value] of this.#database.iterator(RUNS)) {
      const record = parseRecord(key, value)
      if (record) records.push(record)
    }
    records.sort((a, b) => a.usedMs - b.usedMs)
    for (const record of records) this.#shelves.add(record)
    if (!this.wasClosed) await this.#files.sweep(({ swarm, first }) => this.#shelves.at(swarm, first) !== undefined)
  }

  async runs(swarm: InfoHash): Promise<readonly ChunkSpan[]> {
    return this.#shelves.runs(swarm)
  }

  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [record] = this.#shelves.in(swarm, { first: chunk, after: (chunk + 1) as ChunkIndex })
    return record && (await this.#read(record, { first: chunk, after: (chunk + 1) as ChunkIndex }))
  }

  async readRuns(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly DiskRun[]> {
    const runs = this.#shelves.in(swarm, chunks).map(async (record): Promise<DiskRun[]> => {
      const first = Math.max(record.first, chunks.first)
      const worth = Math.ceil(READ_BYTES / record.chunkSize)
      const after = Math.min(record.chunks.after, Math.max(chunks.after, first + worth))
      const part = { first: first as ChunkIndex, after: after as ChunkIndex }
      const data = record.chunkSize > READ_BYTES ? this.#resting(record, part) : await this.#read(record, part)
      return data ? [{ chunks: part, chunkSize: record.chunkSize, data }] : []
    })
    return (await Promise.all(runs)).flat()
  }

  write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    return this.#inTurn(async () => {
      checkRun(chunks)
      const span = { first, after: (first + chunks.length) as ChunkIndex }
      const missing = this.#shelves.missingIn(swarm, span)
      const pieces = missing.map((piece) => {
        const parts = chunks.slice(piece.first - first, piece.after - first)
        return { parts, record: recordOf(swarm, piece, parts, this.#now()) }
      })
      const size = pieces.reduce((sum, { record }) => sum + footprintOf(record), 0)
      if (this.used + size > this.#capacity)
        throw new QuotaExceeded(`${this.used + size} bytes are more than the ${this.#capacity} that fit`)
      if (pieces.length > 0) await this.#writePieces(pieces)
    })
  }

  async #writePieces(pieces: readonly { parts: readonly Uint8Array[]; record: RunRecord }[]): Promise<void> {
    try {
      for (const { parts, record } of pieces) await this.#files.write(record, parts)
      await this.#database.batch(
        pieces.map(({ record }) => ({ type: 'put', key: keyOf(record), value: encodeRecord(record) })),
      )
    } catch (error) {
      this.#isSound = false
      for (const { record } of pieces) await this.#files.remove(record).catch(() => undefined)
      throw error
    }
    for (const { record } of pieces) this.#shelves.add(record)
  }

  async swarms(): Promise<readonly InfoHash[]> {
    return this.#shelves.swarms
  }

  async touch(swarm: InfoHash): Promise<void> {
    this.#shelves.touch(swarm, this.#now())
  }

  async drop(swarm: InfoHash): Promise<void> {
    await this.forget(swarm, { first: 0 as ChunkIndex, after: Number.POSITIVE_INFINITY as ChunkIndex })
  }

  stored(): Iterable<Evictable> {
    return this.#shelves.byUse
  }

  forget(swarm: InfoHash, chunks: ChunkSpan): Promise<readonly Evictable[]> {
    return this.#inTurn(async () => {
      const gone = this.#shelves.in(swarm, chunks)
      await this.#forget(gone)
      return gone
    })
  }

  /** Marks the store as closed in good order, unless a failure has left it in doubt. */
  close(): Promise<void> {
    this.#closing ??= this.#inTurn(async () => {
      clearTimeout(this.#noting)
      this.#files.close()
      try {
        await this.#noteUses()
        if (this.#isSound) await this.#database.put(CLOSED, new Uint8Array(1))
      } finally {
        await this.#database.close()
      }
    })
    return this.#closing
  }

  #resting(record: StoredRecord, chunks: ChunkSpan): RestingBytes {
    const { start, length } = placeOf(record, chunks)
    return {
      read: (from, to) => this.#readAt(record, { start: start + from, length: Math.min(to, length) - from }),
    }
  }

  #read(record: StoredRecord, chunks: ChunkSpan): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#readAt(record, placeOf(record, chunks))
  }

  /** A run whose file is gone or too short is forgotten. */
  async #readAt(
    record: StoredRecord,
    { start, length }: { start: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#use(record)
    const bytes = await this.#files.read(record, start, length)
    if (bytes === undefined && this.#shelves.has(record)) await this.#inTurn(() => this.#forget([record]))
    return bytes
  }

  /** LevelDB forgets first: a file that nobody knows is swept up after a crash, a record without its file is a lie. */
  async #forget(records: readonly StoredRecord[]): Promise<void> {
    const known = records.filter((record) => this.#shelves.has(record))
    if (known.length === 0) return
    await this.#database.batch(known.map((record) => ({ type: 'del', key: keyOf(record) })))
    for (const record of known) {
      this.#shelves.delete(record)
      this.#unnoted.delete(record)
    }
    for (const record of known)
      await this.#files.remove(record).catch((error) => {
        this.#isSound = false
        throw error
      })
  }

  #use(record: StoredRecord): void {
    if (!this.#shelves.use(record, this.#now())) return
    this.#unnoted.add(record)
    this.#noting ??= setTimeout(() => {
      this.#noting = undefined
      // An order of use that cannot be written down is not worth an error.
      this.#inTurn(() => this.#noteUses()).catch(() => undefined)
    }, NOTE_USES_MS).unref()
  }

  async #noteUses(): Promise<void> {
    const records = [...this.#unnoted]
    this.#unnoted.clear()
    if (records.length > 0)
      await this.#database.batch(
        records.map((record) => ({ type: 'put', key: keyOf(record), value: encodeRecord(record) })),
      )
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change)
    this.#changes = done.catch(() => undefined) // whoever asked for the change hears of it
    return done
  }
}
