import type { Mode } from '../protocol/bridge.ts'
import { fieldsOf } from '../protocol/shape.ts'
import type { ValueStore } from '../store/chunk-store.ts'

const KEY = 'settings'

interface Chosen {
  readonly mode: Mode
  readonly sharing: boolean
}

const DEFAULTS: Chosen = { mode: 'on', sharing: true }

/** What the visitor or the site has chosen, remembered across visits. */
export class Settings {
  readonly #values: ValueStore
  #chosen = DEFAULTS

  constructor(values: ValueStore) {
    this.#values = values
  }

  get chosen(): Chosen {
    return this.#chosen
  }

  async load(): Promise<void> {
    const { mode, sharing } = fieldsOf(await this.#values.get(KEY))
    this.#chosen = {
      mode: isMode(mode) ? mode : DEFAULTS.mode,
      sharing: typeof sharing === 'boolean' ? sharing : DEFAULTS.sharing,
    }
  }

  async change(change: Partial<Chosen>): Promise<void> {
    this.#chosen = { ...this.#chosen, ...change }
    await this.#values.set(KEY, this.#chosen)
  }

  reset(): void {
    this.#chosen = DEFAULTS
  }
}

function isMode(value: unknown): value is Mode {
  return value === 'off' || value === 'shadow' || value === 'on'
}
