import type { Mode } from '../protocol/bridge.ts'
import type { ValueStore } from '../store/chunk-store.ts'

const KEY = 'settings'

interface Saved {
  readonly mode: Mode
  readonly sharing: boolean
}

const DEFAULTS: Saved = { mode: 'on', sharing: true }

/** What the visitor or the site has chosen, remembered across visits. */
export class Settings {
  readonly #values: ValueStore
  #saved = DEFAULTS

  constructor(values: ValueStore) {
    this.#values = values
  }

  get mode(): Mode {
    return this.#saved.mode
  }

  get sharing(): boolean {
    return this.#saved.sharing
  }

  async load(): Promise<void> {
    const value = await this.#values.get(KEY)
    if (typeof value !== 'object' || value === null) return
    const mode = 'mode' in value && isMode(value.mode) ? value.mode : DEFAULTS.mode
    const sharing = 'sharing' in value && typeof value.sharing === 'boolean' ? value.sharing : DEFAULTS.sharing
    this.#saved = { mode, sharing }
  }

  async change(change: Partial<Saved>): Promise<void> {
    this.#saved = { ...this.#saved, ...change }
    await this.#values.set(KEY, this.#saved)
  }

  reset(): void {
    this.#saved = DEFAULTS
  }
}

function isMode(value: unknown): value is Mode {
  return value === 'off' || value === 'shadow' || value === 'on'
}
