/** Tells all who wait that something has changed. What, they look up themselves. */
export class Bell {
  #waiting = new Set<() => void>()

  ring(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const wake of waiting) wake()
  }

  /** Resolves at the next ring with true, or after `ms` with false. */
  async next(ms: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined
    let wake: (() => void) | undefined
    const rang = await new Promise<boolean>((resolve) => {
      wake = () => resolve(true)
      this.#waiting.add(wake)
      timer = setTimeout(resolve, ms, false)
    })
    clearTimeout(timer)
    if (wake) this.#waiting.delete(wake)
    return rang
  }
}
