import type { Id } from './id.ts'

/** Long enough that to come back costs more than it brings; who was given up by mistake is not lost for good. */
const LIFE_MS = 10 * 60_000
const MAX_OUTCASTS = 256

/** Nodes that were given up for what they did: no new link with them for a while. */
export class Outcasts {
  /** When each is forgotten, the oldest first. */
  readonly #untilMs = new Map<Id, number>()

  add(id: Id, nowMs: number): void {
    this.#untilMs.delete(id)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size >= MAX_OUTCASTS && oldest !== undefined) this.#untilMs.delete(oldest)
    this.#untilMs.set(id, nowMs + LIFE_MS)
  }

  has(id: Id, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(id)
    if (untilMs === undefined || untilMs > nowMs) return untilMs !== undefined
    this.#untilMs.delete(id)
    return false
  }
}
