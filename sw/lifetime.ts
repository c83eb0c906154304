import { Bell } from './bell.ts'

/** Work that the worker has to stay alive for. Every event is extended until none is left. */
export class Lifetime {
  #open = 0
  readonly #bell = new Bell()

  /** Stays alive until `work` has settled. */
  track(work: Promise<unknown>): void {
    this.#open++
    const done = () => {
      if (--this.#open === 0) this.#bell.ring()
    }
    work.then(done, done)
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#open > 0) await this.#bell.next(CHECK_MS)
  }
}

/** The bell rings at the end of all work; this only bounds a single wait. */
const CHECK_MS = 60_000
