import type { Random } from './random.ts'

/** Where a node is: a place on a round world, and the way from there to its first exchange. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly accessMs: number
}

const SAMPLES = 4000

/** Round trips between places, so that half of all pairs are below the median that is asked for. */
export class Latency {
  readonly #random: Random
  readonly #scale: number

  constructor(random: Random, medianRttMs: number) {
    this.#random = random
    const sample = Array.from({ length: SAMPLES }, () => rawRtt(this.place(), this.place())).sort((a, b) => a - b)
    this.#scale = medianRttMs / (sample[SAMPLES >> 1] ?? 1)
  }

  place(): Place {
    const random = this.#random
    return { x: random.next(), y: random.next(), accessMs: random.logNormal(10, 0.8) }
  }

  rttMs(a: Place, b: Place): number {
    return this.#scale * rawRtt(a, b)
  }

  /** One message's way: a little different each time. */
  oneWayMs(a: Place, b: Place): number {
    return (this.rttMs(a, b) / 2) * (0.95 + 0.2 * this.#random.next())
  }
}

/** 200 ms around half the world and back, on a torus. */
function rawRtt(a: Place, b: Place): number {
  const [dx, dy] = [apart(a.x, b.x), apart(a.y, b.y)]
  return 280 * Math.sqrt(dx * dx + dy * dy) + a.accessMs + b.accessMs
}

function apart(a: number, b: number): number {
  const straight = Math.abs(a - b)
  return Math.min(straight, 1 - straight)
}
