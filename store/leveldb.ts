import { createHash } from 'node:crypto'
import { type BatchOperation, ClassicLevel } from 'classic-level'
import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { type ChunkStore, checkRun } from './chunk-store.ts'
import { RunIndex } from './run-index.ts'

// Keys: `run!<swarm>!<first>` holds what a run spans, `chunk!<swarm>!<index>` a digest and the chunk's bytes,
// `used!<swarm>` when the swarm was last used. A run and its chunks are written in one batch, which LevelDB keeps or
// loses as a whole when the process or the machine stops.

export interface LevelDbOptions {
  /** Bytes of chunks; a write beyond it throws QuotaExceeded. */
  readonly capacity?: number
  /** Milliseconds since 1970, for the order of use. */
  readonly now?: () => number
}

/** First bytes of a chunk's SHA-256, kept before it. */
const DIGEST_LENGTH = 16

type Database = ClassicLevel<string, Uint8Array>
type Batch = BatchOperation<Database, string, Uint8Array>[]

interface Shelf {
  index: RunIndex
  usedMs: number
  /** Bytes of its chunks. */
  size: number
}

/**
 * Chunks on the disk of a Node process. One process at a time can open a folder.
 * A folder that LevelDB finds broken is emptied: what it held can be had again.
 * @throws the database's error when the folder cannot be used, or another process uses it
 */
export async function openLevelDb(folder: string, options: LevelDbOptions = {}): Promise<ChunkStore> {
  const create = (): Database => new ClassicLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
  let database = create()
  try {
    await database.open()
  } catch (error) {
    if (!isCorruption(error)) throw error
    await ClassicLevel.destroy(folder)
    database = create()
    await database.open()
  }
  const store = new LevelDbStore(database, options)
  await store.load()
  return store
}

function isCorruption(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_CORRUPTION'
}

class LevelDbStore implements ChunkStore {
  readonly #database: Database
  readonly #capacity: number
  readonly #now: () => number
  readonly #shelves = new Map<InfoHash, Shelf>()
  #used = 0
  /** Changes, one after the other. */
  #changes: Promise<void> = Promise.resolve()

  constructor(database: Database, { capacity = Number.POSITIVE_INFINITY, now = Date.now }: LevelDbOptions) {
    this.#database = database
    this.#capacity = capacity
    this.#now = now
  }

  /** Reads what the folder holds; the chunks themselves stay where they are. */
  async load(): Promise<void> {
    const runs = new Map<InfoHash, { spans: ChunkSpan[]; size: number }>()
    for await (const [key, value] of this.#database.iterator({ gt: 'run!', lt: 'run"' })) {
      const [, swarm = '', first = ''] = key.split('!')
      const [after = 0, size = 0] = numbersOf(value)
      const found = runs.get(swarm as InfoHash) ?? { spans: [], size: 0 }
      found.spans.push({ first: Number.parseInt(first, 16) as ChunkIndex, after: after as ChunkIndex })
      found.size += size
      runs.set(swarm as InfoHash, found)
    }
    for (const [swarm, { spans, size }] of runs) {
      const used = await this.#database.get(`used!${swarm}`)
      this.#shelves.set(swarm, { index: new RunIndex(spans), size, usedMs: numbersOf(used)[0] ?? 0 })
      this.#used += size
    }
  }

  async runs(swarm: InfoHash): Promise<readonly ChunkSpan[]> {
    return this.#shelves.get(swarm)?.index.runs.slice() ?? []
  }

  /** A chunk that the disk has spoilt is forgotten. */
  async read(swarm: InfoHash, chunk: ChunkIndex): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.#shelves.get(swarm)?.index.holds(chunk)) return undefined
    const value = await this.#database.get(chunkKey(swarm, chunk))
    if (value === undefined) return undefined
    const bytes = new Uint8Array(value.subarray(DIGEST_LENGTH)) // a copy that owns its buffer
    if (digestOf(bytes).equals(value.subarray(0, DIGEST_LENGTH))) return bytes
    await this.#inTurn(() => this.#forget(swarm, chunk, bytes.length))
    return undefined
  }

  write(swarm: InfoHash, first: ChunkIndex, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    return this.#inTurn(async () => {
      checkRun(chunks)
      const shelf = this.#shelves.get(swarm) ?? { index: new RunIndex(), size: 0, usedMs: 0 }
      const missing = shelf.index.missingIn({ first, after: (first + chunks.length) as ChunkIndex })
      const partOf = (run: ChunkSpan) => chunks.slice(run.first - first, run.after - first)
      const size = missing.reduce((sum, run) => sum + lengthOf(partOf(run)), 0)
      if (this.#used + size > this.#capacity)
        throw new QuotaExceeded(`${this.#used + size} bytes are more than the ${this.#capacity} that fit`)
      if (missing.length === 0) return
      const usedMs = this.#now()
      await this.#database.batch([
        ...missing.flatMap((run) => recordsOf(swarm, run, partOf(run))),
        { type: 'put', key: `used!${swarm}`, value: textOf([usedMs]) },
      ])
      for (const run of missing) shelf.index.add(run)
      this.#used += size
      this.#shelves.set(swarm, { ...shelf, size: shelf.size + size, usedMs })
    })
  }

  async swarms(): Promise<readonly InfoHash[]> {
    const byUse = [...this.#shelves].sort(([, a], [, b]) => a.usedMs - b.usedMs)
    return byUse.map(([swarm]) => swarm)
  }

  touch(swarm: InfoHash): Promise<void> {
    return this.#inTurn(async () => {
      const shelf = this.#shelves.get(swarm)
      if (shelf === undefined) return
      shelf.usedMs = this.#now()
      await this.#database.put(`used!${swarm}`, textOf([shelf.usedMs]))
    })
  }

  drop(swarm: InfoHash): Promise<void> {
    return this.#inTurn(async () => {
      this.#used -= this.#shelves.get(swarm)?.size ?? 0
      this.#shelves.delete(swarm)
      // The runs go first: chunks without a run are never found again, and go at the next drop.
      for (const kind of ['run', 'chunk'])
        await this.#database.clear({ gt: `${kind}!${swarm}!`, lt: `${kind}!${swarm}"` })
      await this.#database.del(`used!${swarm}`)
    })
  }

  close(): void {
    void this.#inTurn(() => this.#database.close())
  }

  /** Splits the run that held a chunk. */
  async #forget(swarm: InfoHash, chunk: ChunkIndex, length: number): Promise<void> {
    const shelf = this.#shelves.get(swarm)
    const run = shelf?.index.runs.find(({ first, after }) => first <= chunk && chunk < after)
    if (shelf === undefined || run === undefined) return
    const [, runSize = 0] = numbersOf(await this.#database.get(runKey(swarm, run.first)))
    const before = { first: run.first, after: chunk }
    const behind = { first: (chunk + 1) as ChunkIndex, after: run.after }
    const rest = [before, behind].filter(({ first, after }) => first < after)
    const batch: Batch = [
      { type: 'del', key: runKey(swarm, run.first) },
      { type: 'del', key: chunkKey(swarm, chunk) },
    ]
    // The first part has chunks of full length, for only a run's last chunk is short.
    const chunkSize = chunk < run.after - 1 ? length : Math.floor((runSize - length) / Math.max(1, chunk - run.first))
    const firstSize = (chunk - run.first) * chunkSize
    for (const span of rest) {
      const size = span === before ? firstSize : runSize - length - firstSize
      batch.push({ type: 'put', key: runKey(swarm, span.first), value: textOf([span.after, size]) })
    }
    await this.#database.batch(batch)
    shelf.index = new RunIndex(shelf.index.runs.flatMap((other) => (other === run ? rest : [other])))
    shelf.size -= length
    this.#used -= length
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change)
    this.#changes = done.catch(() => undefined) // whoever asked for the change hears of it
    return done
  }
}

function runKey(swarm: InfoHash, first: number): string {
  return `run!${swarm}!${hex(first)}`
}

function chunkKey(swarm: InfoHash, chunk: number): string {
  return `chunk!${swarm}!${hex(chunk)}`
}

/** Of one length, so that keys sort like numbers. */
function hex(index: number): string {
  return index.toString(16).padStart(8, '0')
}

function recordsOf(swarm: InfoHash, run: ChunkSpan, chunks: readonly Uint8Array[]): Batch {
  return [
    { type: 'put', key: runKey(swarm, run.first), value: textOf([run.after, lengthOf(chunks)]) },
    ...chunks.map((chunk, i) => ({
      type: 'put' as const,
      key: chunkKey(swarm, run.first + i),
      value: Buffer.concat([digestOf(chunk), chunk]),
    })),
  ]
}

function digestOf(chunk: Uint8Array): Buffer {
  return createHash('sha256').update(chunk).digest().subarray(0, DIGEST_LENGTH)
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function textOf(numbers: readonly number[]): Uint8Array {
  return new TextEncoder().encode(numbers.join(' '))
}

function numbersOf(value: Uint8Array | undefined): number[] {
  return value === undefined ? [] : new TextDecoder().decode(value).split(' ').map(Number)
}
