/** Gives back what was taken; once is enough. */
export type GiveBack = () => void

export interface Patience {
  /** How long to wait for others; without end when absent. */
  readonly ms?: number
  /** Whoever asks has gone. */
  readonly signal?: AbortSignal
}

interface Waiting {
  readonly bytes: number
  readonly settle: (taken: boolean) => void
}

/** Memory that is shared. Who finds too little of it waits in line, so that large wishes come to their turn, too. */
export class MemoryPool {
  readonly #capacity: number
  readonly #waiting = new Set<Waiting>()
  #taken = 0

  /** @param capacity bytes; who wants more than that gets all of it */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Bytes that those want who wait. */
  get lacking(): number {
    let bytes = 0
    for (const waiting of this.#waiting) bytes += waiting.bytes
    return bytes
  }

  /** @returns what gives it back; undefined when there was too little in time */
  async take(bytes: number, patience: Patience = {}): Promise<GiveBack | undefined> {
    const wanted = Math.min(bytes, this.#capacity)
    const isThere = this.#waiting.size === 0 && this.#taken + wanted <= this.#capacity
    if (isThere) this.#taken += wanted
    else if (!(await this.#wait(wanted, patience))) return undefined
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#taken -= wanted
      this.#serve()
    }
  }

  async #wait(bytes: number, { ms, signal }: Patience): Promise<boolean> {
    if (signal?.aborted) return false
    let giveUp = () => {}
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<boolean>((settle) => {
        const waiting = { bytes, settle }
        giveUp = () => {
          this.#waiting.delete(waiting)
          settle(false)
          this.#serve() // it may have kept smaller ones waiting
        }
        this.#waiting.add(waiting)
        signal?.addEventListener('abort', giveUp)
        if (ms !== undefined) timer = setTimeout(giveUp, ms)
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }

  #serve(): void {
    for (const waiting of this.#waiting) {
      if (this.#taken + waiting.bytes > this.#capacity) return
      this.#waiting.delete(waiting)
      this.#taken += waiting.bytes
      waiting.settle(true)
    }
  }
}
