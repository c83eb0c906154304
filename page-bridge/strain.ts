import { Kept } from './kept.ts'

/** Its change tells other tabs, of which one hosts the mesh. Pages can rest in the back/forward cache all the same. */
const SIGN = 'tributary:strain'
/** The same hitch is told of once. */
const ONCE_MS = 1_000
/** A page whose script runs in long tasks for so much of a second does not answer its visitor. */
const BUSY_MS = 250
const BUSY_SPAN_MS = 1_000

interface LongTask {
  readonly startTime: number
  readonly duration: number
}

/** Tells when a page of this site suffers, here or in another tab: a video has run dry, or the script is busy. */
export function watchStrain(onStrain: () => void): void {
  const sign = new Kept('localStorage', SIGN)
  let toldMs = Number.NEGATIVE_INFINITY
  const tell = () => {
    const nowMs = performance.now()
    if (nowMs - toldMs < ONCE_MS) return
    toldMs = nowMs
    sign.text = String(Date.now())
    onStrain()
  }
  addEventListener('waiting', ({ target }) => hasRunDry(target) && tell(), { capture: true, passive: true })
  addEventListener('storage', ({ key }) => key === SIGN && onStrain())
  if (!PerformanceObserver.supportedEntryTypes?.includes('longtask')) return
  const business = new Business()
  const observer = new PerformanceObserver((list) => business.add(list.getEntries()) && tell())
  observer.observe({ type: 'longtask' })
}

/** In the middle of playing: at the start, and after a jump, every player waits. */
function hasRunDry(target: EventTarget | null): boolean {
  return target instanceof HTMLMediaElement && !target.paused && !target.seeking && target.played.length > 0
}

/** Adds up long tasks. */
export class Business {
  #recent: readonly LongTask[] = []

  /** @returns whether they have taken too much of the last second */
  add(tasks: readonly LongTask[]): boolean {
    const all = [...this.#recent, ...tasks]
    const lastMs = Math.max(...all.map(({ startTime, duration }) => startTime + duration))
    this.#recent = all.filter(({ startTime, duration }) => startTime + duration > lastMs - BUSY_SPAN_MS)
    return this.#recent.reduce((sum, { duration }) => sum + duration, 0) >= BUSY_MS
  }
}
