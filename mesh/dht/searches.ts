import type { Core } from './core.ts'
import { type Id, nodeIdOf } from './id.ts'
import type { Provider } from './io.ts'
import type { Paths } from './paths.ts'
import { isTimely, type ProviderRecord, recordText } from './record.ts'
import type { Registry } from './registry.ts'

/** Ways that are taken at once, and in all. */
const WIDTH = 2
const MOST = 12
const HOPS = 16
const HEDGE_MS = 350
/** Providers told of in one search. */
const MAX_FOUND = 64

export interface Sought {
  readonly key: Id
  /** Counted from the start of the region. */
  readonly chunk: number | undefined
}

/** Finds providers for ourselves. */
export class Searches {
  readonly #core: Core
  readonly #paths: Paths
  readonly #registry: Registry
  readonly #stops = new Map<number, () => void>()

  constructor(core: Core, paths: Paths, registry: Registry) {
    this.#core = core
    this.#paths = paths
    this.#registry = registry
  }

  start(search: number, { key, chunk }: Sought): void {
    const told = new Set<Id>([this.#core.id])
    const tell = (records: readonly ProviderRecord[], hops: number) => {
      const providers: Provider[] = []
      for (const { publicKey, bits } of records) {
        const id = nodeIdOf(publicKey, this.#core.options.sha256)
        if (told.has(id) || told.size > MAX_FOUND) continue
        told.add(id)
        providers.push({ id, bits })
      }
      if (providers.length > 0) this.#core.emit({ kind: 'found', search, providers, hops })
    }
    tell(this.#registry.answer(key, chunk), 0)
    const stop = this.#paths.start({
      target: key,
      width: WIDTH,
      most: MOST,
      hops: HOPS,
      hedgeMs: HEDGE_MS,
      query: (route) => ({ method: 'find_providers', route, ...(chunk !== undefined && { chunk }) }),
      onReply: ({ providers, hops }, judge) => {
        this.#verifyAll(key, providers ?? [], (good) => {
          tell(good, hops)
          judge(good.length > 0)
        })
      },
      onEnd: () => {
        this.#stops.delete(search)
        this.#core.emit({ kind: 'searched', search })
      },
    })
    this.#stops.set(search, stop)
  }

  stop(search: number): void {
    this.#stops.get(search)?.()
    this.#stops.delete(search)
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
