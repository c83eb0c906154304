/** What has to be put away at the end, in reverse order, whatever happened. */
export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = []

  add<T>(thing: T, putAway: (thing: T) => Promise<void> | void): T {
    this.#steps.push(() => putAway(thing))
    return thing
  }

  /** Runs `work` and puts away what it added; also when the bench is told to stop meanwhile. */
  static async around(work: (cleanup: Cleanup) => Promise<void>): Promise<void> {
    const cleanup = new Cleanup()
    open.add(cleanup)
    try {
      await work(cleanup)
    } finally {
      open.delete(cleanup)
      await cleanup.#putAway()
    }
  }

  /** Puts away all that is still there. */
  static async everything(): Promise<void> {
    for (const cleanup of [...open].reverse()) await cleanup.#putAway()
  }

  async #putAway(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step()
  }
}

const open = new Set<Cleanup>()

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void Cleanup.everything().finally(() => process.exit(1)))
