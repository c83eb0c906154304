import type { VirtualTime } from './time.ts'
import { SimBlob, SimResponse } from './web.ts'

// supply/ and sw/ take time, chance and the network from the realm that they run in. Here these are the simulator's.

/** When a simulation begins, as Date.now() has it. */
const EPOCH_MS = Date.UTC(2026, 0, 1)

export interface Substitutes {
  readonly time: VirtualTime
  readonly random: () => number
  readonly fetch: (url: string, init: RequestInit) => Promise<SimResponse>
}

/** Replaces what code finds in the realm. @returns puts it all back */
export function replaceGlobals({ time, random, fetch }: Substitutes): () => void {
  const timers = new Map<number, () => void>()
  let last = 0
  const set = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const id = ++last
    const cancel = time.after(Math.max(1, ms), () => {
      timers.delete(id)
      run(...args)
    })
    timers.set(id, cancel)
    return id
  }
  const clear = (id: number | undefined) => {
    if (id === undefined) return
    timers.get(id)?.()
    timers.delete(id)
  }
  const { setTimeout, clearTimeout, fetch: realFetch, Response, Blob } = globalThis
  const { now } = Date
  const { random: realRandom } = Math
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, fetch, Response: SimResponse, Blob: SimBlob })
  Object.assign(Date, { now: () => Math.floor(EPOCH_MS + time.now()) })
  Object.assign(Math, { random })
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout, fetch: realFetch, Response, Blob })
    Object.assign(Date, { now })
    Object.assign(Math, { random: realRandom })
  }
}
