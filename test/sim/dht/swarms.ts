import type { Id } from '../../../mesh/dht/id.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'

/** A provider that has just begun may not be known yet. */
const KNOWN_MS = 30_000

/** Who really provides which swarm: what searches are judged by. */
export class Swarms {
  readonly count: number
  readonly #providers: readonly Map<Id, number>[]
  /** Sums of the swarms' popularity. */
  readonly #weights: readonly number[]

  constructor({ nodes, nodesPerSwarm, popularity }: Scenario) {
    this.count = Math.max(1, Math.round(nodes / nodesPerSwarm))
    this.#providers = Array.from({ length: this.count }, () => new Map())
    const weights: number[] = []
    for (let i = 0; i < this.count; i++) weights.push((weights[i - 1] ?? 0) + 1 / (i + 1) ** popularity)
    this.#weights = weights
  }

  /** A swarm to take part in; the first ones are the most popular. */
  pick(random: Random): number {
    const at = random.next() * (this.#weights.at(-1) ?? 0)
    return Math.max(
      0,
      this.#weights.findIndex((weight) => weight > at),
    )
  }

  add(swarm: number, provider: Id, nowMs: number): void {
    this.#providers[swarm]?.set(provider, nowMs)
  }

  remove(swarm: number, provider: Id): void {
    this.#providers[swarm]?.delete(provider)
  }

  provides(swarm: number, node: Id): boolean {
    return this.#providers[swarm]?.has(node) ?? false
  }

  /** Whether there is a provider that can be known by now. */
  isKnown(swarm: number, nowMs: number): boolean {
    for (const sinceMs of this.#providers[swarm]?.values() ?? []) if (sinceMs + KNOWN_MS < nowMs) return true
    return false
  }
}
