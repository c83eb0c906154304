import { toHex } from '../../protocol/hex.ts'
import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import type { Id } from './id.ts'
import { type Reply, type Route, type RoutedQuery, SEARCH_BYTES, type SearchId } from './messages.ts'
import type { Outcome, Post } from './post.ts'

/** One errand of ours, which goes out on several ways at once that have no node in common. */
export interface Plan {
  readonly target: Id
  /** Good answers that are wanted, and the number of ways that are under way at once. */
  readonly width: number
  /** Ways in all. */
  readonly most: number
  /** Attempts at passing on, for each way. */
  readonly hops: number
  /** After this time without a good answer another way is tried too. */
  readonly hedgeMs: number
  readonly query: (route: Route) => RoutedQuery
  /** An answer from one way; `judge` is to be called with whether it is good, now or later. */
  readonly onReply: (reply: Reply, judge: (good: boolean) => void) => void
  /** No more answers will come. */
  readonly onEnd: () => void
}

interface Errand {
  readonly plan: Plan
  readonly search: SearchId
  readonly tried: LinkId[]
  open: number
  good: number
  started: number
  hedgeAtMs: number
  done: boolean
}

/** Our errands under way; more come to nothing at once. */
const MAX_ERRANDS = 64

export class Paths {
  readonly #core: Core
  readonly #post: Post
  readonly #errands = new Set<Errand>()
  /** Told of every search that we start, as it is to be refused when it comes back. */
  readonly #onStart: (search: SearchId) => void

  constructor(core: Core, post: Post, onStart: (search: SearchId) => void) {
    this.#core = core
    this.#post = post
    this.#onStart = onStart
  }

  /** When `tick` has something to do. */
  get wakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { hedgeAtMs } of this.#errands) wakeMs = Math.min(wakeMs, hedgeAtMs)
    return wakeMs
  }

  /** @returns what ends it early */
  start(plan: Plan): () => void {
    const search = toHex(this.#core.options.randomBytes(SEARCH_BYTES)) as SearchId
    const hedgeAtMs = Number.POSITIVE_INFINITY
    const errand: Errand = { plan, search, tried: [], open: 0, good: 0, started: 0, hedgeAtMs, done: false }
    this.#onStart(search)
    if (this.#errands.size >= MAX_ERRANDS) this.#end(errand)
    else {
      this.#errands.add(errand)
      this.#fill(errand)
    }
    return () => this.#end(errand)
  }

  tick(): void {
    for (const errand of [...this.#errands]) {
      if (errand.hedgeAtMs > this.#core.nowMs) continue
      this.#step(errand)
      this.#settle(errand)
    }
  }

  /** Keeps `width` ways going that are good or may become so. */
  #fill(errand: Errand): void {
    const { width } = errand.plan
    while (!errand.done && errand.open + errand.good < width && this.#step(errand)) {}
    this.#settle(errand)
  }

  /** One more way. @returns false when there is none */
  #step(errand: Errand): boolean {
    const { plan, search, tried, started } = errand
    // Those who lie about whom they know attract the first ways; every second one after those believes only proofs.
    const careful = started > plan.width && started % 2 === 1
    const query = plan.query({ target: plan.target, search, hops: plan.hops, careful })
    const done = (outcome: Outcome) => this.#onOutcome(errand, outcome)
    const isLeft = started < plan.most
    const next = isLeft ? this.#post.dispatch(query, { kind: 'own', done }, { tried, closerThan: undefined }) : 'nobody'
    if (typeof next === 'string') {
      errand.started = plan.most
      errand.hedgeAtMs = Number.POSITIVE_INFINITY
      return false
    }
    tried.push(next.link)
    errand.started++
    errand.open++
    errand.hedgeAtMs = errand.good > 0 ? Number.POSITIVE_INFINITY : this.#core.nowMs + plan.hedgeMs
    return true
  }

  #onOutcome(errand: Errand, outcome: Outcome): void {
    if (errand.done) return
    const judge = (good: boolean) => {
      if (errand.done) return
      errand.open--
      if (good) {
        errand.good++
        errand.hedgeAtMs = Number.POSITIVE_INFINITY
      }
      this.#fill(errand)
    }
    if (outcome.kind === 'reply') errand.plan.onReply(outcome.reply, judge)
    else judge(false)
  }

  /** Ends what has all that it wanted, or nothing more to hope for. */
  #settle(errand: Errand): void {
    const { good, open, started, plan } = errand
    if (good >= plan.width || (open === 0 && started >= plan.most)) this.#end(errand)
  }

  #end(errand: Errand): void {
    if (errand.done) return
    errand.done = true
    this.#errands.delete(errand)
    errand.plan.onEnd()
  }
}
