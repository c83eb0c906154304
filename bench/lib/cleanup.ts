/** What has to be put away at the end, in reverse order, whatever happened. */
export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = []

  add<T>(thing: T, putAway: (thing: T) => Promise<void> | void): T {
    this.#steps.push(() => putAway(thing))
    return thing
  }

  /** Runs `work` and puts away what it added. */
  static async around(work: (cleanup: Cleanup) => Promise<void>): Promise<void> {
    const cleanup = new Cleanup()
    try {
      await work(cleanup)
    } finally {
      for (const step of cleanup.#steps.reverse()) await step()
    }
  }
}
