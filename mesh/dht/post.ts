import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import { encodeDhtMessage } from './encode.ts'
import type { Id } from './id.ts'
import {
  type DirectQuery,
  FAILURE,
  FINAL_FAILURES,
  MAX_HOPS,
  type Reply,
  type RoutedQuery,
  type Tx,
} from './messages.ts'
import type { Contact, HopOptions, RoutingTable } from './table.ts'

/** Who is to be told how a query ended. */
export type Origin =
  | { readonly kind: 'link'; readonly link: LinkId; readonly tx: Tx }
  | { readonly kind: 'own'; readonly done: (outcome: Outcome) => void }

export type Outcome =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'failure'; readonly code: number; readonly left: number }
  /** Nobody has answered. */
  | { readonly kind: 'silence' }

/** A query that was passed on and is waited for. */
interface Errand {
  readonly query: RoutedQuery
  readonly origin: Origin
  /** Links that are not to be asked (any more). */
  readonly tried: LinkId[]
  readonly giveUpMs: number
  /** Links that it was sent on. */
  tries: number
  /** Attempts that are left. */
  hops: number
  on: LinkId
  tx: Tx
}

export interface Dispatch {
  /** Links that are not to be asked; those that are asked come to it. */
  readonly tried: LinkId[]
  /** See `HopOptions`. */
  readonly closerThan: Id | undefined
}

export interface PostHooks {
  /** An answer to somebody else is passed back through here. */
  passedBack(query: RoutedQuery, reply: Reply, from: LinkId): void
  /** All ways failed for somebody else's query. @returns whether we answer it ourselves after all */
  deadEnd(query: RoutedQuery, origin: Origin): boolean
}

/** Queries that are passed on at the same time, in all and for one link. */
const MAX_ERRANDS = 512
const MAX_ERRANDS_OF_LINK = 64
/** Late answers that are waited for. */
const MAX_OWED = 64
/** Answers come within this time, or are not waited for; to make an answer to an offer takes time. */
const PATIENCE_MS = 3_000
const SIGNAL_PATIENCE_MS = 12_000
/** Ways that one node tries for one query. */
const MAX_TRIES = 4

/** Passes queries on towards their targets, and the answers back on the same way. */
export class Post {
  readonly #core: Core
  readonly #table: RoutingTable
  readonly #errands = new Map<Tx, Errand>()
  readonly #ofLink = new Map<LinkId, number>()
  #lastTx = 0
  /** Nothing is given up before that. */
  #giveUpMs = Number.POSITIVE_INFINITY
  readonly #hooks: PostHooks

  constructor(core: Core, table: RoutingTable, hooks: PostHooks) {
    this.#core = core
    this.#table = table
    this.#hooks = hooks
  }

  /** When `tick` has something to do. */
  get wakeMs(): number {
    return this.#errands.size > 0 ? this.#giveUpMs : Number.POSITIVE_INFINITY
  }

  tell(links: readonly LinkId[], query: DirectQuery): void {
    if (links.length === 0) return
    const bytes = encodeDhtMessage({ kind: 'query', tx: '' as Tx, query })
    for (const link of links) this.#core.emit({ kind: 'send', link, bytes })
  }

  reply(origin: Origin, reply: Reply): void {
    if (origin.kind === 'own') origin.done({ kind: 'reply', reply })
    else if (origin.tx !== '') this.#send(origin.link, { kind: 'reply', tx: origin.tx, reply })
  }

  fail(origin: Origin, code: number, left: number): void {
    if (origin.kind === 'own') origin.done({ kind: 'failure', code, left })
    else if (origin.tx !== '') this.#send(origin.link, { kind: 'failure', tx: origin.tx, code, left })
  }

  /**
   * Sends a query on its way, or a step further.
   * @returns the link it went out on; or why nothing was done: there is nobody to ask, or too much to do
   */
  dispatch(query: RoutedQuery, origin: Origin, { tried, closerThan }: Dispatch): Contact | 'nobody' | 'busy' {
    if (query.route.hops <= 0 || this.#errands.size >= MAX_ERRANDS) return 'busy'
    if (origin.kind === 'link' && (this.#ofLink.get(origin.link) ?? 0) >= MAX_ERRANDS_OF_LINK) return 'busy'
    const { target, careful, hops } = query.route
    const next = this.#next(target, { closerThan, careful, tried })
    if (next === undefined) return 'nobody'
    const waitMs = query.method === 'signal' ? SIGNAL_PATIENCE_MS : PATIENCE_MS
    const errand: Errand = {
      query,
      origin,
      tried,
      tries: 0,
      giveUpMs: this.#core.nowMs + waitMs,
      hops,
      on: next.link,
      tx: '' as Tx,
    }
    if (origin.kind === 'link') this.#ofLink.set(origin.link, (this.#ofLink.get(origin.link) ?? 0) + 1)
    this.#pass(errand, next)
    return next
  }

  /** @returns whether it was asked for */
  onReply(link: LinkId, tx: Tx, reply: Reply): boolean {
    const isOwed = this.#settle(link)
    const errand = this.#take(link, tx)
    if (errand === undefined) return isOwed
    this.#end(errand)
    if (reply.hops >= MAX_HOPS) return true
    const passed = { ...reply, hops: reply.hops + 1 }
    if (errand.origin.kind === 'link') this.#hooks.passedBack(errand.query, passed, link)
    this.reply(errand.origin, passed)
    return true
  }

  /** @returns whether it was asked for */
  onFailure(link: LinkId, tx: Tx, { code, left }: { code: number; left: number }): boolean {
    const isOwed = this.#settle(link)
    const errand = this.#take(link, tx)
    if (errand === undefined) return isOwed
    errand.hops = Math.min(errand.hops, left)
    if (code === FAILURE.noWay) this.#table.disbelieve(link, errand.query.route.target)
    this.#tryAgain(errand, code)
    return true
  }

  /** What was sent there goes another way; what came from there is nobody's any more. */
  onLinkClosed(link: LinkId, code: number): void {
    this.#ofLink.delete(link)
    for (const errand of [...this.#errands.values()]) {
      if (errand.origin.kind === 'link' && errand.origin.link === link) this.#errands.delete(errand.tx)
      else if (errand.on === link) {
        this.#errands.delete(errand.tx)
        // Some of the attempts were spent beyond the link.
        errand.hops = errand.hops >> 1
        this.#tryAgain(errand, code)
      }
    }
  }

  /** Gives up what has waited too long. */
  tick(): void {
    if (this.#core.nowMs < this.#giveUpMs) return
    this.#giveUpMs = Number.POSITIVE_INFINITY
    for (const errand of [...this.#errands.values()]) {
      if (errand.giveUpMs > this.#core.nowMs) {
        this.#giveUpMs = Math.min(this.#giveUpMs, errand.giveUpMs)
        continue
      }
      this.#errands.delete(errand.tx)
      this.#end(errand)
      if (errand.origin.kind === 'own') errand.origin.done({ kind: 'silence' })
    }
  }

  /** Something has come back by a link, late perhaps. @returns whether we had asked for so much */
  #settle(link: LinkId): boolean {
    const contact = this.#table.on(link)
    if (contact === undefined || contact.owed === 0) return false
    contact.owed--
    return true
  }

  #take(link: LinkId, tx: Tx): Errand | undefined {
    const errand = this.#errands.get(tx)
    if (errand === undefined || errand.on !== link) return undefined
    this.#errands.delete(tx)
    const contact = this.#table.on(link)
    if (contact !== undefined) contact.answered++
    return errand
  }

  #tryAgain(errand: Errand, code: number): void {
    const { tried, query, origin } = errand
    const { target, careful } = query.route
    // Whose errand it is chooses other ways itself.
    const isOver = FINAL_FAILURES.has(code) || errand.hops <= 0 || errand.tries >= MAX_TRIES
    const mayTry = origin.kind === 'link' && !isOver
    const next = mayTry ? this.#next(target, { closerThan: this.#core.id, careful, tried }) : undefined
    if (next !== undefined) {
      this.#pass(errand, next)
      return
    }
    this.#end(errand)
    if (origin.kind === 'link' && !FINAL_FAILURES.has(code) && this.#hooks.deadEnd(query, origin)) return
    this.fail(origin, code, errand.hops)
  }

  /** Links that have had as much as they bear are passed over. */
  #next(target: Id, { tried, ...options }: HopOptions): Contact | undefined {
    const passed = [...tried]
    for (;;) {
      const next = this.#table.nextHop(target, { ...options, tried: passed })
      if (next === undefined || next.sending.take(1, this.#core.nowMs)) return next
      passed.push(next.link)
    }
  }

  #pass(errand: Errand, next: Contact): void {
    errand.hops--
    errand.on = next.link
    errand.tried.push(next.link)
    errand.tries++
    errand.tx = this.#newTx()
    this.#giveUpMs = Math.min(this.#giveUpMs, errand.giveUpMs)
    this.#errands.set(errand.tx, errand)
    fade(next)
    next.asked++
    next.owed = Math.min(MAX_OWED, next.owed + 1)
    const { query } = errand
    const onward = { ...query, route: { ...query.route, hops: errand.hops } }
    this.#send(next.link, { kind: 'query', tx: errand.tx, query: onward })
  }

  #end({ origin }: Errand): void {
    if (origin.kind !== 'link') return
    const open = this.#ofLink.get(origin.link)
    if (open !== undefined) this.#ofLink.set(origin.link, open - 1)
  }

  #newTx(): Tx {
    this.#lastTx = (this.#lastTx + 1) >>> 0
    const n = this.#lastTx
    return String.fromCharCode(n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff) as Tx
  }

  #send(link: LinkId, message: Parameters<typeof encodeDhtMessage>[0]): void {
    this.#core.emit({ kind: 'send', link, bytes: encodeDhtMessage(message) })
  }
}

/** Old answers count less and less. */
function fade(contact: Contact): void {
  if (contact.asked < 64) return
  contact.asked /= 2
  contact.answered /= 2
}
