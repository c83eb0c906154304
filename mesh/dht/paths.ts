import { toHex } from '../../protocol/hex.ts'
import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import type { Id } from './id.ts'
import { type Reply, type Route, type RoutedQuery, SEARCH_BYTES, type SearchId } from './messages.ts'
import type { Outcome, Post } from './post.ts'
import type { SeenSearches } from './seen.ts'

/** One errand of ours, which goes out on several ways at once that begin with different links. */
export interface Plan {
  /** Where a way leads to; ways are counted from 0. */
  readonly aim: (way: number) => Id
  /** Good answers that are wanted, and the number of ways that are under way at once. */
  readonly width: number
  /** Ways in all. */
  readonly most: number
  /** Attempts at passing on, for each way. */
  readonly hops: number
  /** After this time without a good answer another way is tried too. */
  readonly hedgeMs: number
  readonly query: (route: Route) => RoutedQuery
  /** An answer from the way that began with a link; `judge` is to be called with whether it is good, now or later. */
  readonly onReply: (reply: Reply, judge: (good: boolean) => void, via: LinkId) => void
  /** There are enough good answers, or no more will come. */
  readonly onEnd: () => void
}

export interface Errand {
  /** `onEnd` is yet to come. */
  readonly isRunning: boolean
  /** A good answer has turned out to be worth nothing: further ways are tried, and `onEnd` comes again. */
  spoil(): void
  stop(): void
}

/** Our errands under way; more come to nothing at once. */
const MAX_ERRANDS = 64
/** Nobody comes back with an errand of ours. */
const OWN_VISITS = 1000

export class Paths {
  readonly #core: Core
  readonly #post: Post
  readonly #seen: SeenSearches
  readonly #errands = new Set<RunningErrand>()

  constructor(core: Core, post: Post, seen: SeenSearches) {
    this.#core = core
    this.#post = post
    this.#seen = seen
  }

  /** When `tick` has something to do. */
  get wakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { hedgeAtMs } of this.#errands) wakeMs = Math.min(wakeMs, hedgeAtMs)
    return wakeMs
  }

  start(plan: Plan): Errand {
    const search = toHex(this.#core.options.randomBytes(SEARCH_BYTES)) as SearchId
    this.#seen.note(search, this.#core.nowMs).count = OWN_VISITS
    const errand = new RunningErrand(this.#core, this.#post, plan, search, this.#errands)
    if (this.#errands.size < MAX_ERRANDS) errand.run()
    else errand.end()
    return errand
  }

  tick(): void {
    for (const errand of [...this.#errands]) if (errand.hedgeAtMs <= this.#core.nowMs) errand.hedge()
  }
}

class RunningErrand implements Errand {
  hedgeAtMs = Number.POSITIVE_INFINITY
  readonly #core: Core
  readonly #post: Post
  readonly #plan: Plan
  readonly #search: SearchId
  readonly #running: Set<RunningErrand>
  readonly #tried: LinkId[] = []
  #open = 0
  #good = 0
  #started = 0
  #stopped = false

  constructor(core: Core, post: Post, plan: Plan, search: SearchId, running: Set<RunningErrand>) {
    this.#core = core
    this.#post = post
    this.#plan = plan
    this.#search = search
    this.#running = running
  }

  get isRunning(): boolean {
    return this.#running.has(this)
  }

  run(): void {
    if (this.#stopped) return
    this.#running.add(this)
    this.#fill()
  }

  spoil(): void {
    this.#good = Math.max(0, this.#good - 1)
    this.run()
  }

  stop(): void {
    this.#stopped = true
    this.#running.delete(this)
  }

  hedge(): void {
    this.#step()
    this.#settle()
  }

  end(): void {
    this.#running.delete(this)
    this.#plan.onEnd()
  }

  /** Keeps `width` ways going that are good or may become so. */
  #fill(): void {
    while (this.#open + this.#good < this.#plan.width && this.#step()) {}
    this.#settle()
  }

  /** One more way. @returns false when there is none */
  #step(): boolean {
    const { aim, width, most, hops, hedgeMs, query } = this.#plan
    // Those who lie about whom they know attract the first ways; every second one after those believes only proofs.
    const careful = this.#started > width && this.#started % 2 === 1
    const route = { target: aim(this.#started), search: this.#search, hops, careful }
    let via: LinkId | undefined
    const done = (outcome: Outcome) => this.#onOutcome(outcome, via)
    const isLeft = this.#started < most
    const dispatch = { tried: [...this.#tried], closerThan: undefined }
    const next = isLeft ? this.#post.dispatch(query(route), { kind: 'own', done }, dispatch) : 'nobody'
    if (typeof next === 'string') {
      this.#started = most
      this.hedgeAtMs = Number.POSITIVE_INFINITY
      return false
    }
    via = next.link
    this.#tried.push(via)
    this.#started++
    this.#open++
    this.hedgeAtMs = this.#good > 0 ? Number.POSITIVE_INFINITY : this.#core.nowMs + hedgeMs
    return true
  }

  #onOutcome(outcome: Outcome, via: LinkId | undefined): void {
    const judge = (good: boolean) => {
      this.#open--
      if (good) {
        this.#good++
        this.hedgeAtMs = Number.POSITIVE_INFINITY
      }
      if (this.#running.has(this)) this.#fill()
    }
    if (outcome.kind !== 'reply' || via === undefined || this.#stopped) judge(false)
    else this.#plan.onReply(outcome.reply, judge, via)
  }

  /** Ends what has all that it wanted, or nothing more to hope for. */
  #settle(): void {
    const { width, most } = this.#plan
    const isOver = this.#good >= width || (this.#open === 0 && this.#started >= most)
    if (isOver && this.#running.has(this)) this.end()
  }
}
