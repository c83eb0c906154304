import type { WorkerStats } from '../protocol/bridge.ts'
import { fieldsOf } from '../protocol/shape.ts'
import type { ValueStore } from '../store/chunk-store.ts'

type Bytes = { -readonly [K in keyof WorkerStats['bytes']]: number }
export type ByteSource = keyof Bytes

const KEY = 'totals'

/** A killed worker loses the counts of at most this long. */
const SAVE_AFTER_MS = 1_000

const SOURCES: readonly ByteSource[] = ['cache', 'peers', 'origin', 'uploaded']

/** Pages and swarms whose uploads are told apart. */
const MAX_UPLOADS = 256

/** Bytes by source since the store was made. They outlive the worker: pages subtract what they saw at first. */
export class Totals {
  readonly #values: ValueStore
  readonly #onChange: () => void
  #bytes = nothing()
  #uploads = new Map<string, number>()
  #saving: Promise<void> | undefined

  constructor(values: ValueStore, onChange: () => void) {
    this.#values = values
    this.#onChange = onChange
  }

  get bytes(): WorkerStats['bytes'] {
    return { ...this.#bytes }
  }

  /** Adds what an earlier worker counted. */
  async load(): Promise<void> {
    const saved = fieldsOf(await this.#values.get(KEY))
    for (const source of SOURCES) if (Number.isFinite(saved[source])) this.#bytes[source] += Number(saved[source])
    if (saved.uploads instanceof Map) this.#uploads = new Map([...saved.uploads, ...this.#uploads])
  }

  add(source: ByteSource, bytes: number): void {
    if (bytes <= 0) return
    this.#bytes[source] += bytes
    this.#onChange()
    this.#saving ??= this.#saveSoon()
  }

  /** `total` bytes were uploaded under `key`, of which some may have been counted, perhaps by an earlier worker. */
  uploadedSoFar(key: string, total: number): void {
    const counted = this.#uploads.get(key) ?? 0
    this.#uploads.delete(key)
    if (this.#uploads.size >= MAX_UPLOADS) this.#uploads.clear()
    this.#uploads.set(key, total)
    this.add('uploaded', total < counted ? total : total - counted)
  }

  async clear(): Promise<void> {
    this.#bytes = nothing()
    await this.#values.delete(KEY)
    this.#onChange()
  }

  async #saveSoon(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SAVE_AFTER_MS))
    this.#saving = undefined
    // Counters are not worth an error: without a store they start anew with the next worker.
    await this.#values.set(KEY, { ...this.#bytes, uploads: this.#uploads }).catch(() => {})
  }
}

function nothing(): Bytes {
  return { cache: 0, peers: 0, origin: 0, uploaded: 0 }
}
