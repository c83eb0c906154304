import type { ValueStore } from '../store/chunk-store.ts'

const KEY = 'natives'

/** Pages that were open before the worker was are few, and soon closed. */
const MAX_KEPT = 64

/**
 * Media that pages began to load before they were controlled. They go on by themselves: Chromium takes what a worker
 * made up, which has no address of its own, for another site's, and lets no element have both.
 */
export class Natives {
  readonly #values: ValueStore
  #kept: string[] = []

  constructor(values: ValueStore) {
    this.#values = values
  }

  async load(): Promise<void> {
    const saved = await this.#values.get(KEY)
    if (Array.isArray(saved)) this.#kept.push(...saved)
  }

  async add(clientId: string, urls: readonly string[]): Promise<void> {
    this.#kept = [...this.#kept, ...urls.map((url) => clientId + url)].slice(-MAX_KEPT)
    await this.#values.set(KEY, this.#kept)
  }

  has(clientId: string, url: string): boolean {
    return this.#kept.includes(clientId + url)
  }
}
