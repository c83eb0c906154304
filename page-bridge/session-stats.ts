import type { WorkerStats } from '../protocol/bridge.ts'

/** Where the counters stood at the session's first visit. */
const KEY = 'tributary:baseline'

type Bytes = WorkerStats['bytes']
const ZERO: Bytes = { cache: 0, peers: 0, origin: 0, uploaded: 0 }

/** Turns the worker's running totals into what was counted since the page's first visit in this session. */
export class SessionStats {
  #baseline = load()

  relative(stats: WorkerStats): WorkerStats {
    // Totals below the baseline: they were cleared, perhaps by another tab.
    const wasCleared = this.#baseline && keysOf(ZERO).some((key) => stats.bytes[key] < (this.#baseline?.[key] ?? 0))
    if (this.#baseline === undefined) this.#save(stats.bytes)
    else if (wasCleared) this.#save(ZERO)
    const { cache, peers, origin, uploaded } = this.#baseline ?? ZERO
    const { bytes } = stats
    return {
      ...stats,
      bytes: {
        cache: bytes.cache - cache,
        peers: bytes.peers - peers,
        origin: bytes.origin - origin,
        uploaded: bytes.uploaded - uploaded,
      },
    }
  }

  /** The totals start at zero again. */
  clear(): void {
    this.#save(ZERO)
  }

  #save(bytes: Bytes): void {
    this.#baseline = bytes
    try {
      sessionStorage.setItem(KEY, JSON.stringify(bytes))
    } catch {} // no storage: the baseline holds for this page
  }
}

function keysOf<T extends object>(value: T): (keyof T)[] {
  return Object.keys(value) as (keyof T)[]
}

function load(): Bytes | undefined {
  try {
    const saved: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    return isBytes(saved) ? saved : undefined
  } catch {
    return undefined
  }
}

function isBytes(value: unknown): value is Bytes {
  return (
    typeof value === 'object' &&
    value !== null &&
    keysOf(ZERO).every((key) => key in value && typeof (value as Record<string, unknown>)[key] === 'number')
  )
}
