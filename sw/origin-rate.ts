import { MiB } from '../protocol/units.ts'
import type { ValueStore } from '../store/chunk-store.ts'

const KEY = 'origin-rate'

/** Less than this says little about a rate. */
const LEAST_SAMPLE_BYTES = 8 * MiB

/** Beyond a gigabit line: a body that passes through JavaScript is slower than this network (docs/decisions/003). */
const FAST_BYTES_PER_MS = 150_000

/** Shorter answers are over before the difference is felt, and are kept. */
const LEAST_NATIVE_BYTES = 256 * MiB

/** How fast the origin delivers, measured on what it does deliver. Remembered, for a new worker has seen nothing yet. */
export class OriginRate {
  readonly #values: ValueStore
  #bytesPerMs = 0

  constructor(values: ValueStore) {
    this.#values = values
  }

  async load(): Promise<void> {
    const saved = await this.#values.get(KEY)
    if (typeof saved === 'number' && Number.isFinite(saved)) this.#bytesPerMs = saved
  }

  /** A transfer has ended. @returns a promise for the worker to stay alive for */
  async note(bytes: number, ms: number): Promise<void> {
    if (bytes < LEAST_SAMPLE_BYTES || ms <= 0) return
    const sample = bytes / ms
    this.#bytesPerMs = this.#bytesPerMs === 0 ? sample : (this.#bytesPerMs + sample) / 2
    await this.#values.set(KEY, this.#bytesPerMs).catch(() => {})
  }

  /**
   * Whether an answer of `bytes` is better handed on untouched, which the browser does without copying, than carried
   * and kept: being no slower than the origin comes before saving its bytes.
   */
  passesBy(bytes: number): boolean {
    return bytes >= LEAST_NATIVE_BYTES && this.#bytesPerMs >= FAST_BYTES_PER_MS
  }
}
