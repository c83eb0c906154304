import type { InfoHash } from '../../protocol/units.ts'
import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import { ID_BITS, type Id, sharedBits } from './id.ts'
import type { DialId } from './io.ts'
import { FAILURE, MAX_DESCRIPTION, MAX_HOPS, type RoutedQuery } from './messages.ts'
import type { Paths } from './paths.ts'
import type { Origin, Post } from './post.ts'

type Signal = Extract<RoutedQuery, { method: 'signal' }>

/** Whom a new link is wanted with. */
export interface Wanted {
  readonly target: Id
  /** Any node that shares so many bits with the target will do; ID_BITS: nobody but the target. */
  readonly match: number
  /** What the link is for; undefined: the DHT. */
  readonly infoHash?: InfoHash
}

interface Dial {
  readonly id: DialId
  readonly role: 'offer' | 'answer'
  infoHash: InfoHash | undefined
  /** Ready: an offer that nobody has been sent yet. */
  state: 'describing' | 'ready' | 'signalling' | 'connecting'
  /** Who is at the other end, as far as known. */
  peer: Id | undefined
  /** The link that the offer came by. */
  via: LinkId | undefined
  giveUpMs: number
  readonly described: (description: string | undefined) => void
  /** Called once, when it is open or will never be. */
  over: (isOpen: boolean) => void
}

/** To gather candidates takes this long at most. */
const DESCRIBE_MS = 5_000
/** Routers forget an unused candidate after a minute or sooner. */
const OFFER_LIFE_MS = 50_000
const CONNECT_MS = 15_000
/** Offers ready before anybody asks; connections are dear. */
const MAX_READY = 2
/** Connections in the making, at our wish and at the wish of others. */
const MAX_OFFERS = 8
const MAX_ANSWERS = 8
/** Of those, for offers that one link has brought. */
const MAX_ANSWERS_OF_LINK = 4
/** An exact target is sought on so many ways, one after the other: where two networks have just met, most lead astray. */
const MAX_WAYS = 5
/** Where many will do, not all of them are asked. */
const ANY_HOPS = 10
const HEDGE_MS = 4_000

/** Makes links by messages that travel through the mesh. */
export class Dials {
  readonly #core: Core
  readonly #post: Post
  readonly #paths: Paths
  readonly #dials = new Map<DialId, Dial>()
  /** Whoever waits for the next offer. */
  readonly #waiting: ((offer: { dial: Dial; description: string } | undefined) => void)[] = []
  readonly #ready: { dial: Dial; description: string }[] = []
  #lastDial = 0

  constructor(core: Core, post: Post, paths: Paths) {
    this.#core = core
    this.#post = post
    this.#paths = paths
  }

  get wakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { giveUpMs } of this.#dials.values()) wakeMs = Math.min(wakeMs, giveUpMs)
    return wakeMs
  }

  /** Links for the DHT that will perhaps open soon. */
  get pending(): number {
    let count = 0
    for (const { state, infoHash } of this.#dials.values())
      if (infoHash === undefined && state !== 'ready' && state !== 'describing') count++
    return count + this.#waiting.length
  }

  isPending(id: Id): boolean {
    for (const { peer } of this.#dials.values()) if (peer === id) return true
    return false
  }

  /** Whether we are making the same link: of two nodes that dial each other, the one with the smaller id goes on. */
  #precedes(from: Id, infoHash: InfoHash | undefined): boolean {
    for (const dial of this.#dials.values())
      if (dial.peer === from && dial.infoHash === infoHash && (dial.role === 'answer' || this.#core.id < from))
        return true
    return false
  }

  /** Gets offers ready, as some will soon be needed. */
  prepare(): void {
    let coming = this.#ready.length
    for (const { state } of this.#dials.values()) if (state === 'describing') coming++
    for (; coming < MAX_READY; coming++) this.#makeOffer()
  }

  /** @param done hears who answered, when a link with it is open; undefined when there will be none */
  dial(wanted: Wanted, done: (opened: { dial: DialId; peer: Id } | undefined) => void): void {
    if (this.#count('offer') - this.#ready.length >= MAX_OFFERS) {
      done(undefined)
      return
    }
    const use = (offer: { dial: Dial; description: string } | undefined) => {
      if (offer === undefined) done(undefined)
      else this.#signal(wanted, offer.dial, offer.description, done)
    }
    const ready = this.#ready.shift()
    if (ready !== undefined) use(ready)
    else {
      this.#waiting.push(use)
      this.#makeOffer()
    }
  }

  /** Answers an offer. */
  answer({ from, offer, infoHash }: Signal, origin: Origin): void {
    if (this.#count('answer') >= MAX_ANSWERS || this.#precedes(from, infoHash)) {
      this.#post.fail(origin, FAILURE.refused, 0)
      return
    }
    const via = origin.kind === 'link' ? origin.link : undefined
    const ofLink = [...this.#dials.values()].filter((dial) => dial.via !== undefined && dial.via === via)
    if (ofLink.length >= MAX_ANSWERS_OF_LINK) {
      this.#post.fail(origin, FAILURE.full, 0)
      return
    }
    const described = (answer: string | undefined) => {
      if (answer === undefined) this.#post.fail(origin, FAILURE.refused, 0)
      else this.#post.reply(origin, { hops: 0, at: this.#core.id, answer })
    }
    const dial = this.#add('answer', infoHash, described)
    dial.peer = from
    dial.via = via
    this.#core.emit({ kind: 'makeAnswer', dial: dial.id, from, offer, infoHash })
  }

  /** An offer or an answer is there, or cannot be made. */
  described(id: DialId, description: string | undefined): void {
    const dial = this.#dials.get(id)
    if (dial === undefined || dial.state !== 'describing') return
    const isUsable = description !== undefined && isDescription(description)
    if (!isUsable) this.#drop(dial)
    else if (dial.role === 'answer') {
      dial.state = 'connecting'
      dial.giveUpMs = this.#core.nowMs + CONNECT_MS
    }
    dial.described(isUsable ? description : undefined)
  }

  /** @returns who ought to be at the other end; undefined for a link that we know nothing about */
  opened(id: DialId): Id | undefined {
    const dial = this.#dials.get(id)
    if (dial === undefined) return undefined
    this.#dials.delete(id)
    dial.over(true)
    return dial.peer
  }

  failed(id: DialId): void {
    const dial = this.#dials.get(id)
    if (dial === undefined) return
    this.#drop(dial)
  }

  tick(): void {
    for (const dial of [...this.#dials.values()]) {
      if (dial.giveUpMs > this.#core.nowMs) continue
      this.#core.emit({ kind: 'abandon', dial: dial.id })
      if (dial.state === 'describing') this.described(dial.id, undefined)
      else this.#drop(dial)
    }
  }

  #makeOffer(): void {
    const described = (description: string | undefined) => {
      const next = this.#waiting.shift()
      if (description === undefined) next?.(undefined)
      else if (next !== undefined) next({ dial, description })
      else {
        dial.state = 'ready'
        dial.giveUpMs = this.#core.nowMs + OFFER_LIFE_MS
        this.#ready.push({ dial, description })
      }
    }
    const dial = this.#add('offer', undefined, described)
    this.#core.emit({ kind: 'makeOffer', dial: dial.id })
  }

  #signal(
    { target, match, infoHash }: Wanted,
    dial: Dial,
    offer: string,
    done: (opened: { dial: DialId; peer: Id } | undefined) => void,
  ): void {
    dial.state = 'signalling'
    dial.infoHash = infoHash
    dial.giveUpMs = Number.POSITIVE_INFINITY
    const isExact = match === ID_BITS
    const from = this.#core.id
    dial.over = (isOpen) => done(isOpen && dial.peer !== undefined ? { dial: dial.id, peer: dial.peer } : undefined)
    if (isExact) dial.peer = target
    this.#paths.start({
      aim: () => target,
      width: 1,
      most: isExact ? MAX_WAYS : 1,
      hops: isExact ? MAX_HOPS : ANY_HOPS,
      hedgeMs: isExact ? HEDGE_MS : Number.POSITIVE_INFINITY,
      query: (route) => ({ method: 'signal', route, from, match, offer, ...(infoHash !== undefined && { infoHash }) }),
      onReply: ({ at, answer }, judge) => {
        const isGood = at !== undefined && answer !== undefined && at !== from && sharedBits(at, target) >= match
        if (isGood && dial.state === 'signalling') this.#connect(dial, at, answer)
        judge(isGood)
      },
      onEnd: () => {
        if (dial.state !== 'signalling' || !this.#dials.has(dial.id)) return
        this.#core.emit({ kind: 'abandon', dial: dial.id })
        this.#drop(dial)
      },
    })
  }

  #connect(dial: Dial, peer: Id, answer: string): void {
    dial.peer = peer
    dial.state = 'connecting'
    dial.giveUpMs = this.#core.nowMs + CONNECT_MS
    this.#core.emit({ kind: 'accept', dial: dial.id, from: peer, answer, infoHash: dial.infoHash })
  }

  #add(role: Dial['role'], infoHash: InfoHash | undefined, described: Dial['described']): Dial {
    const dial: Dial = {
      id: ++this.#lastDial as DialId,
      role,
      infoHash,
      state: 'describing',
      peer: undefined,
      via: undefined,
      giveUpMs: this.#core.nowMs + DESCRIBE_MS,
      described,
      over: () => undefined,
    }
    this.#dials.set(dial.id, dial)
    return dial
  }

  #drop(dial: Dial): void {
    this.#dials.delete(dial.id)
    const at = this.#ready.findIndex((ready) => ready.dial === dial)
    if (at !== -1) this.#ready.splice(at, 1)
    dial.over(false)
  }

  #count(role: Dial['role']): number {
    let count = 0
    for (const dial of this.#dials.values()) if (dial.role === role) count++
    return count
  }
}

function isDescription(text: string): boolean {
  return text.length > 0 && text.length <= MAX_DESCRIPTION && !/[^\0-\x7f]/.test(text)
}
