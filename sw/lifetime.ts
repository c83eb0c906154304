import { Bell } from '../supply/bell.ts'

/** The first byte of an answer goes before all that can wait. */
const LATER_MS = 30

/** Work that the worker has to stay alive for. Every event is extended until none is left. */
export class Lifetime {
  #open = 0
  readonly #bell = new Bell()

  /** Stays alive until `work` has settled, and takes no notice of its failure. */
  track(work: Promise<unknown>): void {
    this.#open++
    const done = () => {
      if (--this.#open === 0) this.#bell.ring()
    }
    work.then(done, done)
  }

  /** Begins `work` when the first byte of the answer that it belongs to should be out, and stays alive for it. */
  trackLater<T>(work: () => Promise<T>): Promise<T> {
    const later = new Promise((resolve) => setTimeout(resolve, LATER_MS)).then(work)
    this.track(later)
    return later
  }

  /** Resolves when nothing is left to do, or so late that the browser would take the event for a hung one. */
  async idle(): Promise<void> {
    const until = Date.now() + MAX_EVENT_MS
    while (this.#open > 0 && Date.now() < until) await this.#bell.next(until - Date.now())
  }
}

/** Chromium ends an event after five minutes, and the worker with it. */
const MAX_EVENT_MS = 4 * 60_000
