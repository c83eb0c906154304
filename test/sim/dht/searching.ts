import type { Id } from '../../../mesh/dht/id.ts'
import type { ChunkIndex } from '../../../protocol/units.ts'
import type { Harm } from './harm.ts'
import type { Network } from './network.ts'
import { type SimNode, swarmHash, type Told } from './sim-node.ts'
import type { Swarms } from './swarms.ts'

/** Later answers are of no use. */
const DEADLINE_MS = 10_000
/** It takes a while to see that a provider is not there, or has wrong chunks. */
const USELESS_MS = 1_000

interface Search {
  readonly startedMs: number
  readonly node: SimNode
  readonly swarm: number
  /** Whoever is found is connected to. */
  readonly connects: boolean
  /** Providers that are not there, which it has not noticed yet. */
  trying: number
}

/** Searches as visitors would make them, and what came of those that count. */
export class Searching {
  started = 0
  failed = 0
  readonly hops: number[] = []
  readonly latenciesMs: number[] = []
  /** Until a link with a provider was open. */
  readonly linkedMs: number[] = []
  unlinked = 0
  readonly #network: Network
  readonly #swarms: Swarms
  readonly #open = new Map<number, Search>()
  readonly #connecting = new Map<number, Search>()
  readonly #harm: Harm
  #lastSearch = 0

  constructor(network: Network, swarms: Swarms, harm: Harm) {
    this.#network = network
    this.#swarms = swarms
    this.#harm = harm
    network.listener = (effect) => this.#onTold(effect)
  }

  /** @param counts whether the outcome is noted */
  start(node: SimNode, swarm: number, { counts, connects }: { counts: boolean; connects: boolean }): void {
    const { nowMs } = this.#network
    if (swarm === node.swarm || !this.#swarms.isKnown(swarm, nowMs)) return
    const search = ++this.#lastSearch
    if (counts) {
      this.started++
      this.#open.set(search, { startedMs: nowMs, node, swarm, connects, trying: 0 })
      this.#network.after(DEADLINE_MS, () => this.#fail(search))
    }
    node.handle({ kind: 'find', search, infoHash: swarmHash(swarm), chunk: 0 as ChunkIndex })
  }

  #onTold(effect: Told): void {
    if (effect.kind === 'connected') {
      this.#onConnected(effect.request, effect.dial !== undefined)
      return
    }
    const search = this.#open.get(effect.search)
    if (search === undefined) return
    if (effect.kind === 'searched') {
      if (search.trying === 0) this.#fail(effect.search)
      return
    }
    const { startedMs, swarm } = search
    this.#harm.found(swarm, effect.providers)
    const there = effect.providers.find(({ id }) => this.#swarms.provides(swarm, id))
    for (const { id } of effect.providers)
      if (!this.#swarms.provides(swarm, id)) this.#tryInVain(effect.search, search, id)
    if (there === undefined) return
    this.#open.delete(effect.search)
    this.hops.push(effect.hops)
    this.latenciesMs.push(this.#network.nowMs - startedMs)
    if (search.connects) this.#connect(effect.search, search, there.id)
  }

  #connect(request: number, search: Search, node: Id): void {
    this.#connecting.set(request, search)
    this.#network.after(0, () =>
      search.node.handle({ kind: 'connect', request, node, infoHash: swarmHash(search.swarm) }),
    )
  }

  #onConnected(request: number, isOpen: boolean): void {
    const search = this.#connecting.get(request)
    this.#connecting.delete(request)
    if (search === undefined) return
    if (isOpen) this.linkedMs.push(this.#network.nowMs - search.startedMs)
    else this.unlinked++
  }

  /** Nobody is there, or it is nobody who helps: the visitor sees that after a while. */
  #tryInVain(id: number, search: Search, provider: Id): void {
    search.trying++
    this.#network.after(USELESS_MS, () => {
      search.trying--
      if (this.#open.has(id)) search.node.handle({ kind: 'useless', search: id, provider })
    })
  }

  #fail(search: number): void {
    const open = this.#open.get(search)
    if (open === undefined) return
    this.#open.delete(search)
    // Who leaves does not wait for an answer.
    if (open.node.isAlive) this.failed++
    else this.started--
  }
}
