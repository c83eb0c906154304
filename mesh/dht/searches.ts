import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import { type Id, nodeIdOf } from './id.ts'
import type { Errand, Paths } from './paths.ts'
import { isTimely, type ProviderRecord, recordText } from './record.ts'
import type { Registry } from './registry.ts'
import type { RoutingTable } from './table.ts'

/** Ways that are taken at once, and in all. */
const WIDTH = 2
const MOST = 12
const HOPS = 16
const HEDGE_MS = 350
/** When all that were found are of no use we begin anew, so often in all, on more ways at once: answers are drawn at random. */
const ROUNDS = 4
/** Providers told of in one search, and of one answer: no way uses up what is left for the others. */
const MAX_FOUND = 192
const MAX_OF_ANSWER = 5
/** Searches that can be gone on with; older ones are forgotten. */
const MAX_SEARCHES = 64

export interface Sought {
  readonly key: Id
  /** Counted from the start of the region. */
  readonly chunk: number
  /** Providers that do not count. */
  readonly avoid: readonly Id[]
}

interface Search extends Omit<Sought, 'avoid'> {
  readonly number: number
  readonly ignored: Set<Id>
  /** Whom we told of, and the link that the record came by. */
  readonly told: Map<Id, LinkId | undefined>
  errand: Errand | undefined
  rounds: number
}

/** Finds providers for ourselves. */
export class Searches {
  readonly #core: Core
  readonly #table: RoutingTable
  readonly #paths: Paths
  readonly #registry: Registry
  readonly #searches = new Map<number, Search>()

  constructor(core: Core, table: RoutingTable, paths: Paths, registry: Registry) {
    this.#core = core
    this.#table = table
    this.#paths = paths
    this.#registry = registry
  }

  start(number: number, { key, chunk, avoid }: Sought): void {
    this.stop(number)
    const [oldest] = this.#searches.keys()
    if (this.#searches.size >= MAX_SEARCHES && oldest !== undefined) this.stop(oldest)
    const search: Search = {
      number,
      key,
      chunk,
      ignored: new Set([this.#core.id, ...avoid]),
      told: new Map(),
      errand: undefined,
      rounds: 0,
    }
    this.#searches.set(number, search)
    this.#tell(search, this.#registry.answer(key, chunk), { hops: 0 })
    this.#seek(search)
  }

  #seek(search: Search): void {
    const { key, chunk } = search
    const isFirst = search.rounds++ === 0
    search.errand = this.#paths.start({
      // Who has made ids that lie next to the key has them nowhere else.
      aim: (way) => (way % 2 === 0 && (way >= WIDTH || !isFirst) ? this.#registry.pointNear(key) : key),
      width: isFirst ? WIDTH : 2 * WIDTH,
      most: MOST,
      hops: HOPS,
      hedgeMs: HEDGE_MS,
      query: (route) => ({ method: 'find_providers', route, ...(route.target !== key && { key }), chunk }),
      onReply: ({ providers, hops }, judge, via) => {
        this.#verifyAll(key, providers ?? [], (good) => judge(this.#tell(search, good, { hops, via })))
      },
      onEnd: () => this.#onEnd(search),
    })
  }

  #onEnd(search: Search): void {
    const { number, told, ignored, rounds } = search
    const isInVain = told.size > 0 && [...told.keys()].every((id) => ignored.has(id))
    if (isInVain && rounds < ROUNDS && this.#searches.get(number) === search) this.#seek(search)
    else this.#core.emit({ kind: 'searched', search: number })
  }

  /** The search goes on without this provider, to another `searched`; who told us of it is trusted a little less. */
  useless(number: number, provider: Id): void {
    const search = this.#searches.get(number)
    if (search === undefined || search.ignored.has(provider) || !search.told.has(provider)) return
    search.ignored.add(provider)
    const via = search.told.get(provider)
    if (via !== undefined) this.#table.blame(via)
    const isLeft = [...search.told].some(([id, link]) => link === via && !search.ignored.has(id))
    if (via !== undefined && !isLeft) search.errand?.spoil()
    else if (search.errand?.isRunning !== true) this.#core.emit({ kind: 'searched', search: number })
  }

  stop(number: number): void {
    this.#searches.get(number)?.errand?.stop()
    this.#searches.delete(number)
  }

  /** @returns whether there was anybody who counts */
  #tell(search: Search, records: readonly ProviderRecord[], { hops, via }: { hops: number; via?: LinkId }): boolean {
    const all = records.map(({ publicKey, bits }) => ({ id: nodeIdOf(publicKey, this.#core.options.sha256), bits }))
    const useful = all.filter(({ id }) => !search.ignored.has(id))
    const room = Math.min(MAX_OF_ANSWER, MAX_FOUND - search.told.size)
    const providers = useful.filter(({ id }) => !search.told.has(id)).slice(0, room)
    for (const { id } of providers) search.told.set(id, via)
    if (providers.length > 0) this.#core.emit({ kind: 'found', search: search.number, providers, hops })
    return useful.length > 0
  }

  /** @param then hears which records are good */
  #verifyAll(key: Id, records: readonly ProviderRecord[], then: (good: ProviderRecord[]) => void): void {
    const timely = records.filter((record) => isTimely(record, this.#core.wallS))
    const good = new Array<boolean>(timely.length).fill(false)
    let open = timely.length
    const settle = () => {
      if (open === 0) then(timely.filter((_, i) => good[i]))
    }
    settle()
    timely.forEach((record, i) => {
      const { publicKey, signature } = record
      this.#core.verify({ publicKey, bytes: recordText(key, record), signature }, (isGood) => {
        good[i] = isGood
        open--
        settle()
      })
    })
  }
}
