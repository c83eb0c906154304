import type { Core } from './core.ts'
import type { Dials } from './dials.ts'
import type { Keeper } from './keeper.ts'
import { FAILURE, type RoutedQuery, soughtKey } from './messages.ts'
import type { Origin, Post } from './post.ts'
import type { Registry } from './registry.ts'
import type { SeenSearches } from './seen.ts'
import type { RoutingTable } from './table.ts'

type FromLink = Extract<Origin, { kind: 'link' }>
type Signal = Extract<RoutedQuery, { method: 'signal' }>

export interface RouterParts {
  readonly core: Core
  readonly table: RoutingTable
  readonly post: Post
  readonly registry: Registry
  readonly dials: Dials
  readonly keeper: Keeper
  readonly seen: SeenSearches
}

const NODES_TOLD = 8
/** An errand may come by so often; each time it goes on another way. */
const MAX_VISITS = 2

/** What becomes of a query that is on its way through the network: it is answered here, or passed on. */
export class Router {
  readonly #parts: RouterParts

  constructor(parts: RouterParts) {
    this.#parts = parts
  }

  onQuery(query: RoutedQuery, origin: FromLink): void {
    const { core, post, registry, seen } = this.#parts
    const { search, hops } = query.route
    const visit = seen.note(search, core.nowMs)
    if (visit.count > MAX_VISITS) {
      post.fail(origin, FAILURE.seen, hops)
      return
    }
    visit.links.push(origin.link)
    if (query.method === 'find_providers') registry.countAsk(soughtKey(query))
    if (this.#serve(query, origin, false) === 'done') return
    const passed = post.dispatch(query, origin, { tried: visit.links, closerThan: core.id })
    if (passed === 'busy') post.fail(origin, FAILURE.busy, hops)
    else if (passed === 'nobody' && this.#serve(query, origin, true) === 'passOn')
      post.fail(origin, FAILURE.noWay, hops)
  }

  /** An offer to anybody of a kind that nobody closer would take may be for us. @returns whether it is */
  onDeadEnd(query: RoutedQuery, origin: Origin): boolean {
    const { keeper, dials } = this.#parts
    if (query.method !== 'signal' || !keeper.matches(query) || !keeper.admits(query.from)) return false
    dials.answer(query, origin)
    return true
  }

  /** Answers what is for us. @param isLast we know nobody who is closer */
  #serve(query: RoutedQuery, origin: FromLink, isLast: boolean): 'done' | 'passOn' {
    const { core, table, post, registry } = this.#parts
    switch (query.method) {
      case 'find_node':
        if (!isLast) return 'passOn'
        post.reply(origin, { hops: 0, at: core.id, nodes: table.closest(query.route.target, NODES_TOLD) })
        return 'done'
      case 'find_providers':
        return registry.onFind(query, origin, isLast)
      case 'add_provider':
        return isLast ? 'passOn' : registry.onAdd(query, origin.link, origin)
      case 'signal':
        return this.#serveSignal(query, origin, isLast)
    }
  }

  #serveSignal(query: Signal, origin: FromLink, isLast: boolean): 'done' | 'passOn' {
    const { core, post, dials, keeper } = this.#parts
    const { target, hops } = query.route
    const isForUs = target === core.id
    if (!isForUs && !(isLast && keeper.matches(query))) return 'passOn'
    // For a swarm it is the swarm that decides, when it is asked for the answer.
    if (query.infoHash !== undefined || keeper.admits(query.from)) dials.answer(query, origin)
    else post.fail(origin, isForUs ? FAILURE.refused : FAILURE.full, hops)
    return 'done'
  }
}
