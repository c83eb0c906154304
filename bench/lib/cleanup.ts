/** What has to be put away at the end, in reverse order, whatever happened. */
export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = []

  add<T>(thing: T, putAway: (thing: T) => Promise<void> | void): T {
    this.#steps.push(() => putAway(thing))
    return thing
  }

  /** Runs `work` and puts away what it added; also when the bench is told to stop meanwhile. */
  static async around<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
    const cleanup = new Cleanup()
    open.add(cleanup)
    try {
      return await work(cleanup)
    } finally {
      open.delete(cleanup)
      await cleanup.#putAway()
    }
  }

  /** Puts away all that is still there. */
  static async everything(): Promise<void> {
    for (const cleanup of [...open].reverse()) await cleanup.#putAway().catch((error) => console.error(error))
  }

  async #putAway(): Promise<void> {
    const failures: unknown[] = []
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        failures.push(error) // the other steps stand alone
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be put away')
  }
}

const open = new Set<Cleanup>()

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void Cleanup.everything().finally(() => process.exit(1)))
