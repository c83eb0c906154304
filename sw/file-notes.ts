import type { Fallback } from '../protocol/bridge.ts'
import type { ManifestFile, SwarmManifest } from '../protocol/manifest.ts'
import type { ValueStore } from '../store/chunk-store.ts'
import { type FileHead, parseHead } from '../supply/head.ts'

/** What is remembered of one file beside its chunks. */
interface Note {
  head?: FileHead
  bypassed?: boolean
}

/** The origin's heads, and the files that go their own way. Kept by version: another info hash begins anew. */
export class FileNotes {
  readonly #values: ValueStore
  readonly #notes = new Map<string, Note>()
  readonly #bypassed: (fallback: Fallback) => void

  constructor(values: ValueStore, bypassed: (fallback: Fallback) => void) {
    this.#values = values
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

  /** @returns a promise for the worker to stay alive for */
  async setHead(swarm: SwarmManifest, file: ManifestFile, head: FileHead): Promise<void> {
    if (JSON.stringify(this.head(swarm, file)) === JSON.stringify(head)) return
    await this.#change(swarm, file, { head })
  }

  /** From now on, and until the manifest names another version, the file comes from the origin alone. */
  async bypass(swarm: SwarmManifest, file: ManifestFile, reason: Fallback['reason'], detail: string): Promise<void> {
    if (this.isBypassed(swarm, file)) return
    this.#bypassed({ path: file.path, reason, detail })
    await this.#change(swarm, file, { bypassed: true })
  }

  forget(): void {
    this.#notes.clear()
  }

  /** Forgets the files of a swarm that is gone. */
  async drop(swarm: SwarmManifest): Promise<void> {
    for (const file of swarm.files) {
      this.#notes.delete(keyOf(swarm, file))
      await this.#values.delete(keyOf(swarm, file))
    }
  }

  async #change(swarm: SwarmManifest, file: ManifestFile, change: Note): Promise<void> {
    const key = keyOf(swarm, file)
    const note = { ...this.#notes.get(key), ...change }
    this.#notes.set(key, note)
    await this.#values.set(key, note).catch(() => {})
  }
}

function keyOf(swarm: SwarmManifest, file: ManifestFile): string {
  return `file:${swarm.infoHash}/${file.path}`
}

function parseNote(value: unknown): Note {
  if (typeof value !== 'object' || value === null) return {}
  const head = 'head' in value ? parseHead(value.head) : undefined
  return { ...(head && { head }), bypassed: 'bypassed' in value && value.bypassed === true }
}
