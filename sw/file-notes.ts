import type { Fallback } from '../protocol/bridge.ts'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import { fieldsOf } from '../protocol/shape.ts'
import type { ValueStore } from '../store/chunk-store.ts'
import { type FileHead, parseHead } from '../supply/head.ts'
import type { OriginAnswer } from '../supply/origin.ts'
import type { Lifetime } from './lifetime.ts'

/** What is remembered of one file beside its chunks. */
interface Note {
  head?: FileHead | undefined
  bypassed?: boolean
}

/** The origin's heads, and the files that go their own way. Kept by version: another info hash begins anew. */
export class FileNotes {
  readonly #values: ValueStore
  readonly #lifetime: Lifetime
  readonly #bypassed: (fallback: Fallback) => void
  readonly #notes = new Map<string, Note>()

  constructor(values: ValueStore, lifetime: Lifetime, bypassed: (fallback: Fallback) => void) {
    this.#values = values
    this.#lifetime = lifetime
    this.#bypassed = bypassed
  }

  /** Brings what is stored of a file into memory. Never rejects. */
  async load(swarm: SwarmManifest, file: ManifestFile): Promise<void> {
    const key = keyOf(swarm, file)
    if (this.#notes.has(key)) return
    const stored = await this.#values.get(key).catch(() => undefined)
    if (!this.#notes.has(key)) this.#notes.set(key, parseNote(stored))
  }

  head(swarm: SwarmManifest, file: ManifestFile): FileHead | undefined {
    return this.#notes.get(keyOf(swarm, file))?.head
  }

  isBypassed(swarm: SwarmManifest, file: ManifestFile): boolean {
    return this.#notes.get(keyOf(swarm, file))?.bypassed ?? false
  }

  /** Takes in what the origin answered: the head of its bytes, or that it has something else than the manifest's file. */
  answered(swarm: SwarmManifest, file: ManifestFile, origin: OriginAnswer): void {
    if (origin.kind === 'other') this.bypass(swarm, file, origin.reason, origin.detail)
    if (origin.kind !== 'bytes') return
    const { head } = origin
    if (JSON.stringify(this.head(swarm, file)) !== JSON.stringify(head)) this.#change(swarm, file, { head })
  }

  /** From now on, and until the manifest names another version, the file comes from the origin alone. */
  bypass(swarm: SwarmManifest, file: ManifestFile, reason: Fallback['reason'], detail: string): void {
    if (this.isBypassed(swarm, file)) return
    this.#bypassed({ path: file.path, reason, detail })
    this.#change(swarm, file, { bypassed: true })
  }

  forget(): void {
    this.#notes.clear()
  }

  /** Forgets the files of a swarm that is gone. */
  async drop(swarm: SwarmManifest): Promise<void> {
    for (const file of swarm.files) {
      const key = keyOf(swarm, file)
      this.#notes.delete(key)
      await this.#values.delete(key)
    }
  }

  #change(swarm: SwarmManifest, file: ManifestFile, change: Note): void {
    const key = keyOf(swarm, file)
    this.#notes.set(key, { ...this.#notes.get(key), ...change })
    this.#lifetime.trackLater(async () => {
      const note = this.#notes.get(key) // unless it was forgotten meanwhile
      if (note) await this.#values.set(key, note)
    })
  }
}

function keyOf(swarm: SwarmManifest, file: ManifestFile): string {
  return `file:${swarm.infoHash}/${file.path}`
}

function parseNote(value: unknown): Note {
  const { head, bypassed } = fieldsOf(value)
  return { head: parseHead(head), bypassed: bypassed === true }
}
