import type { Id } from '../../../mesh/dht/id.ts'
import type { DhtEffect } from '../../../mesh/dht/io.ts'
import type { ChunkIndex } from '../../../protocol/units.ts'
import { Network, swarmHash } from './network.ts'
import type { Scenario } from './scenario.ts'
import type { SimNode } from './sim-node.ts'

/** What a run has shown. */
export interface Result {
  readonly searches: number
  readonly successRate: number
  readonly hopsP50: number
  readonly hopsP95: number
  readonly latencyP50Ms: number
  readonly latencyP95Ms: number
  /** Messages sent by each node in a minute, all of them and by kind of work. */
  readonly messagesPerMin: number
  readonly bytesPerMin: number
  readonly links: number
  readonly recordsPerNode: number
  readonly population: number
}

/** A provider that has just begun may not be known yet. */
const PROVIDING_S = 30
const KNOWN_S = 30
const DEADLINE_MS = 10_000
const EVERYTHING = new Uint8Array(8).fill(0xff)

interface Search {
  readonly startedMs: number
  readonly node: SimNode
  readonly swarm: number
}

export class Run {
  readonly network: Network
  readonly scenario: Scenario
  /** Of each swarm: who provides it, since when. */
  readonly #providers: Map<Id, number>[]
  readonly #open = new Map<number, Search>()
  readonly #hops: number[] = []
  readonly #latencies: number[] = []
  readonly #weights: number[]
  readonly #swarms: number
  #started = 0
  #failed = 0
  #lastSearch = 0
  #measures = false
  sentBefore = 0

  constructor(scenario: Scenario) {
    this.scenario = scenario
    this.network = new Network(scenario)
    this.#swarms = Math.max(1, Math.round(scenario.nodes / scenario.nodesPerSwarm))
    this.#providers = Array.from({ length: this.#swarms }, () => new Map())
    let sum = 0
    this.#weights = Array.from({ length: this.#swarms }, (_, i) => (sum += 1 / (i + 1) ** scenario.popularity))
    this.network.listener = (node, effect) => this.#onEffect(node, effect)
  }

  run(): Result {
    const { nodes, joinS, settleS, measureS } = this.scenario
    const { queue } = this.network
    for (let i = 0; i < nodes; i++) queue.at((1000 * joinS * i) / nodes, () => this.#join())
    queue.runUntil(1000 * (joinS + settleS))
    this.#measures = true
    const before = this.#totals()
    queue.runUntil(1000 * (joinS + settleS + measureS))
    this.#measures = false
    const after = this.#totals()
    queue.runUntil(1000 * (joinS + settleS + measureS) + DEADLINE_MS)
    for (const id of [...this.#open.keys()]) this.#fail(id)
    return this.#result(before, after)
  }

  #retiredSent = 0
  #retiredBytes = 0

  #totals(): { sent: number; bytes: number } {
    let [sent, bytes] = [this.#retiredSent, this.#retiredBytes]
    for (const node of this.network.alive) {
      sent += node.sent
      bytes += node.sentBytes
    }
    return { sent, bytes }
  }

  #join(): void {
    const { random, queue } = this.network
    const node = this.network.join()
    node.swarm = this.#swarm()
    queue.after(1000 * PROVIDING_S * (0.5 + random.next()), () => this.#provide(node))
    this.#searchLater(node)
    const { halfLifeMin } = this.scenario
    if (halfLifeMin > 0) {
      const lifeMs = random.exponential((halfLifeMin * 60_000) / Math.LN2)
      queue.after(lifeMs, () => {
        this.#leave(node)
        this.#join()
      })
    }
  }

  #leave(node: SimNode): void {
    this.#providers[node.swarm]?.delete(node.dht.id)
    this.#retiredSent += node.sent
    this.#retiredBytes += node.sentBytes
    this.network.leave(node)
  }

  #provide(node: SimNode): void {
    if (!node.isAlive) return
    node.handle({ kind: 'provide', infoHash: swarmHash(node.swarm), region: 0, bits: EVERYTHING })
    this.#providers[node.swarm]?.set(node.dht.id, this.network.nowMs)
  }

  #swarm(): number {
    const at = this.network.random.next() * (this.#weights.at(-1) ?? 0)
    return Math.max(
      0,
      this.#weights.findIndex((weight) => weight > at),
    )
  }

  #searchLater(node: SimNode): void {
    const { searchesPerMin } = this.scenario
    if (searchesPerMin === 0) return
    this.network.after(this.network.random.exponential(60_000 / searchesPerMin), () => {
      if (!node.isAlive) return
      this.#search(node)
      this.#searchLater(node)
    })
  }

  #search(node: SimNode): void {
    const swarm = this.network.random.below(this.#swarms)
    const knownMs = this.network.nowMs - 1000 * KNOWN_S
    const isKnown = [...(this.#providers[swarm] ?? [])].some(([id, sinceMs]) => id !== node.dht.id && sinceMs < knownMs)
    if (!isKnown || swarm === node.swarm) return
    const search = ++this.#lastSearch
    if (this.#measures) {
      this.#started++
      this.#open.set(search, { startedMs: this.network.nowMs, node, swarm })
    }
    node.handle({ kind: 'find', search, infoHash: swarmHash(swarm), chunk: 0 as ChunkIndex })
  }

  #onEffect(_node: SimNode, effect: Extract<DhtEffect, { kind: 'found' | 'searched' | 'connected' }>): void {
    if (effect.kind === 'connected') return
    const search = this.#open.get(effect.search)
    if (search === undefined) return
    if (effect.kind === 'searched') {
      this.#fail(effect.search)
      return
    }
    const providers = this.#providers[search.swarm]
    if (!effect.providers.some(({ id }) => providers?.has(id))) return
    this.#open.delete(effect.search)
    this.#hops.push(effect.hops)
    this.#latencies.push(this.network.nowMs - search.startedMs)
  }

  #fail(search: number): void {
    const open = this.#open.get(search)
    if (open === undefined) return
    this.#open.delete(search)
    // Who leaves does not wait for an answer.
    if (open.node.isAlive) this.#failed++
    else this.#started--
  }

  #result(before: { sent: number; bytes: number }, after: { sent: number; bytes: number }): Result {
    const { alive } = this.network
    const minutes = (this.scenario.measureS / 60) * alive.length
    const mean = (of: (node: SimNode) => number) => alive.reduce((sum, node) => sum + of(node), 0) / alive.length
    return {
      searches: this.#started,
      successRate: 1 - this.#failed / this.#started,
      hopsP50: percentile(this.#hops, 0.5),
      hopsP95: percentile(this.#hops, 0.95),
      latencyP50Ms: percentile(this.#latencies, 0.5),
      latencyP95Ms: percentile(this.#latencies, 0.95),
      messagesPerMin: (after.sent - before.sent) / minutes,
      bytesPerMin: (after.bytes - before.bytes) / minutes,
      links: mean((node) => node.dht.links.length),
      recordsPerNode: mean((node) => node.dht.records),
      population: percentile(
        alive.map((node) => node.dht.population),
        0.5,
      ),
    }
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function simulate(scenario: Scenario): Result {
  return new Run(scenario).run()
}
