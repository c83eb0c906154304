import type { SearchId } from './messages.ts'

/** Errands are remembered for one to two of these, or for less when there are very many. */
const LIFE_MS = 15_000
const MAX_SEEN = 1024

/** Which errands have been here, so that none comes twice: ways of one errand have no node in common, and none is a circle. */
export class SeenSearches {
  #recent = new Set<SearchId>()
  #older = new Set<SearchId>()
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  /** @returns whether it was here before */
  note(search: SearchId, nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= LIFE_MS || this.#recent.size >= MAX_SEEN) {
      this.#older = nowMs - this.#sinceMs >= 2 * LIFE_MS ? new Set() : this.#recent
      this.#recent = new Set()
      this.#sinceMs = nowMs
    }
    if (this.#recent.has(search) || this.#older.has(search)) return true
    this.#recent.add(search)
    return false
  }
}
