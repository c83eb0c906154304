import { regionKey } from '../../../mesh/dht/id.ts'
import { ATTACKERS } from './attacks/attacks.ts'
import { convergedLinks } from './converged.ts'
import { type Damage, Harm } from './harm.ts'
import { HostileNode } from './hostile-node.ts'
import { Network } from './network.ts'
import type { Hostility, Scenario } from './scenario.ts'
import { Searching } from './searching.ts'
import { SimNode, sha256, swarmHash } from './sim-node.ts'
import { mean, percentile } from './statistics.ts'
import { Swarms } from './swarms.ts'

/** What a run has shown; of honest nodes alone. */
export interface Result {
  readonly searches: number
  readonly successRate: number
  /** Links that the first useful answer had crossed. */
  readonly hopsP50: number
  readonly hopsP95: number
  /** Until the first provider was known that is really there. */
  readonly latencyP50Ms: number
  readonly latencyP95Ms: number
  /** Until a link with it was open, from the start of the search. */
  readonly linkedP50Ms: number
  readonly linkedP95Ms: number
  /** Share of dials to a provider that came to something. */
  readonly linkedRate: number
  /** Sent by each node. */
  readonly messagesPerMin: number
  readonly bytesPerMin: number
  readonly links: number
  readonly recordsPerNode: number
  /** What nodes take the network to have. */
  readonly population: number
  /** Of memory, with what the simulator needs for a node; undefined when garbage cannot be collected. */
  readonly stateBytes: number | undefined
  readonly damage: Damage
}

type Found = Pick<
  Result,
  | 'searches'
  | 'successRate'
  | 'hopsP50'
  | 'hopsP95'
  | 'latencyP50Ms'
  | 'latencyP95Ms'
  | 'linkedP50Ms'
  | 'linkedP95Ms'
  | 'linkedRate'
>

/** A visitor has something to give after a while. */
const PROVIDING_MS = 30_000
const EVERYTHING = new Uint8Array(8).fill(0xff)
/** What is under way at the end has time to end. */
const END_MS = 11_000
/** Honest nodes that are there before any hostile one. */
const FOUNDERS = 10
/** Attacks on one key: everybody searches for it. */
const ON_ONE_KEY: ReadonlySet<Hostility['kind']> = new Set(['eclipse', 'sybil', 'announce', 'cast', 'forge'])
const MINUTE_MS = 60_000

/** One network, from its first node to its last measurement. */
class Run {
  readonly #scenario: Scenario
  readonly #network: Network
  readonly #swarms: Swarms
  readonly #searching: Searching
  readonly #harm = new Harm()
  /** Sent by honest nodes that have left. */
  #leftSent = 0
  #leftBytes = 0
  #measures = false

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#swarms = new Swarms(scenario)
    const friends: Uint8Array[] = []
    const victim = regionKey(swarmHash(this.#victim), 0, sha256)
    this.#network = new Network(
      scenario,
      (network) => {
        const { hostile, links } = scenario
        const options = { place: network.place(), links }
        const isHostile = network.alive.length >= FOUNDERS && network.random.next() < hostile.share
        if (!isHostile || hostile.kind === 'none') return new SimNode(network, network.random, options)
        return new ATTACKERS[hostile.kind](network, network.random, { ...options, hostility: hostile, victim, friends })
      },
      this.#harm,
    )
    this.#searching = new Searching(this.#network, this.#swarms, this.#harm)
  }

  run(): Result {
    const { nodes, joinS, settleS, measureS } = this.#scenario
    const { queue } = this.#network
    const emptyBytes = usedMemory()
    if (joinS === 0) this.#begin()
    for (let i = 0; i < nodes && joinS > 0; i++) queue.at((1000 * joinS * i) / nodes, () => this.#join())
    const startMs = 1000 * (joinS + settleS)
    queue.runUntil(startMs)
    this.#measures = true
    const before = this.#sent()
    for (let ms = 0; ms <= 1000 * measureS; ms += MINUTE_MS)
      queue.at(startMs + ms, () => this.#harm.sample(this.#honest))
    queue.runUntil(startMs + 1000 * measureS)
    this.#measures = false
    const after = this.#sent()
    const usedBytes = usedMemory()
    queue.runUntil(startMs + 1000 * measureS + END_MS)
    const minutes = (measureS / 60) * this.#honest.length
    return {
      ...this.#found(),
      messagesPerMin: (after.messages - before.messages) / minutes,
      bytesPerMin: (after.bytes - before.bytes) / minutes,
      links: mean(this.#honest.map(({ dht }) => dht.links.length)),
      recordsPerNode: mean(this.#honest.map(({ dht }) => dht.records)),
      population: percentile(
        this.#honest.map(({ dht }) => dht.population),
        0.5,
      ),
      stateBytes: usedBytes === undefined ? undefined : (usedBytes - (emptyBytes ?? 0)) / nodes,
      damage: this.#harm.damage(this.#honest),
    }
  }

  #found(): Found {
    const { started, failed, hops, latenciesMs, linkedMs, unlinked } = this.#searching
    return {
      searches: started,
      successRate: 1 - failed / started,
      hopsP50: percentile(hops, 0.5),
      hopsP95: percentile(hops, 0.95),
      latencyP50Ms: percentile(latenciesMs, 0.5),
      latencyP95Ms: percentile(latenciesMs, 0.95),
      linkedP50Ms: percentile(linkedMs, 0.5),
      linkedP95Ms: percentile(linkedMs, 0.95),
      linkedRate: linkedMs.length / (linkedMs.length + unlinked),
    }
  }

  // Lives

  /** All at once, with the links that they would have in the end. */
  #begin(): void {
    const { nodes, links } = this.#scenario
    const network = this.#network
    const all = Array.from({ length: nodes }, () => network.add())
    const ids = all.map(({ dht }) => dht.id)
    for (const [a, b] of convergedLinks(ids, links, network.random)) {
      const [from, to] = [all[a], all[b]]
      if (from !== undefined && to !== undefined) network.connect(from, to)
    }
    for (const node of all) this.#live(node)
  }

  #join(): void {
    this.#live(this.#network.join())
  }

  #live(node: SimNode): void {
    const { random } = this.#network
    node.swarm = this.#swarms.pick(random)
    this.#harm.joined(node)
    this.#leaveLater(node)
    if (node instanceof HostileNode) return
    this.#network.after(PROVIDING_MS * (0.5 + random.next()), () => this.#provide(node))
    this.#searchLater(node)
  }

  #leaveLater(node: SimNode): void {
    const { halfLifeMin } = this.#scenario
    if (halfLifeMin === 0) return
    const lifeMs = this.#network.random.exponential((halfLifeMin * 60_000) / Math.LN2)
    this.#network.after(lifeMs, () => {
      this.#leave(node)
      this.#join()
    })
  }

  #leave(node: SimNode): void {
    this.#swarms.remove(node.swarm, node.dht.id)
    if (!(node instanceof HostileNode)) {
      this.#leftSent += node.sent
      this.#leftBytes += node.sentBytes
    }
    this.#network.leave(node)
  }

  #provide(node: SimNode): void {
    if (!node.isAlive) return
    this.#harm.provides(node, EVERYTHING)
    node.handle({ kind: 'provide', infoHash: swarmHash(node.swarm), region: 0, bits: EVERYTHING })
    this.#swarms.add(node.swarm, node.dht.id, this.#network.nowMs)
  }

  #searchLater(node: SimNode): void {
    const { searchesPerMin, connects, hostile } = this.#scenario
    const { random } = this.#network
    if (searchesPerMin === 0) return
    this.#network.after(random.exponential(60_000 / searchesPerMin), () => {
      if (!node.isAlive) return
      const swarm = ON_ONE_KEY.has(hostile.kind) ? this.#victim : random.below(this.#swarms.count)
      this.#searching.start(node, swarm, { counts: this.#measures, connects: random.next() < connects })
      this.#searchLater(node)
    })
  }

  /** The swarm that an eclipse is about: of those in the middle, with few providers. */
  get #victim(): number {
    return this.#swarms.count >> 1
  }

  get #honest(): SimNode[] {
    return this.#network.alive.filter((node) => !(node instanceof HostileNode))
  }

  #sent(): { messages: number; bytes: number } {
    let [messages, bytes] = [this.#leftSent, this.#leftBytes]
    for (const node of this.#honest) {
      messages += node.sent
      bytes += node.sentBytes
    }
    return { messages, bytes }
  }
}

/** Bytes in use after garbage collection. */
function usedMemory(): number | undefined {
  if (globalThis.gc === undefined) return undefined
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export function simulate(scenario: Scenario): Result {
  return new Run(scenario).run()
}
