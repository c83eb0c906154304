import type { LinkId } from '../peer.ts'
import type { SearchId } from './messages.ts'

/** What one node has done for one errand. */
export interface Visit {
  /** Times that it came by. */
  count: number
  /** Links that it came from or went out on: it takes none of them again. */
  readonly links: LinkId[]
}

/** Errands are remembered for one to two of these, or for less when there are very many. */
const LIFE_MS = 15_000
const MAX_SEEN = 1024

/**
 * Which errands have been here, and where they went, so that none goes in circles and ways of one errand part:
 * whoever comes a second time is sent another way.
 */
export class SeenSearches {
  #recent = new Map<SearchId, Visit>()
  #older = new Map<SearchId, Visit>()
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  /** Counts a visit. */
  note(search: SearchId, nowMs: number): Visit {
    if (nowMs - this.#sinceMs >= LIFE_MS || this.#recent.size >= MAX_SEEN) {
      this.#older = nowMs - this.#sinceMs >= 2 * LIFE_MS ? new Map() : this.#recent
      this.#recent = new Map()
      this.#sinceMs = nowMs
    }
    const visit = this.#recent.get(search) ?? this.#older.get(search) ?? { count: 0, links: [] }
    visit.count++
    this.#recent.set(search, visit)
    return visit
  }
}
