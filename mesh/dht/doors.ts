import { ProtocolViolation } from '../../protocol/errors.ts'
import { toHex } from '../../protocol/hex.ts'
import type { LinkId } from '../peer.ts'
import { Allowance } from './allowance.ts'
import type { Core } from './core.ts'
import { type Id, nodeIdOf } from './id.ts'
import { BORNE, COPIES, SERVED, SIGNALS } from './limits.ts'
import type { DirectQuery, Query } from './messages.ts'
import type { Post } from './post.ts'
import { proofText } from './proof.ts'

/** One link, from its first byte. */
export interface Door {
  readonly link: LinkId
  /** The same at both ends of this connection, and nowhere else. */
  readonly binding: Uint8Array
  /** Who has to be at the other end, if that is known. */
  readonly expected: Id | undefined
  state: 'new' | 'proving' | 'proven'
  readonly openedMs: number
  /** Who has proven to be at the other end. */
  proven: Id | undefined
  readonly served: Allowance
  readonly signals: Allowance
  readonly copies: Allowance
  readonly borne: Allowance
}

export interface DoorHooks {
  proven(link: LinkId, id: Id): void
  /** Called once for every link that was opened. */
  gone(link: LinkId): void
}

/** A link that has not proven who it is by then never will. */
const PROOF_MS = 10_000
/** Links at once; a program that opens more for its swarms has enough for the DHT. */
const MAX_DOORS = 128

/** Who is at the other ends of our links: everybody proves it with the first message. */
export class Doors {
  readonly #core: Core
  readonly #post: Post
  readonly #hooks: DoorHooks
  readonly #doors = new Map<LinkId, Door>()
  /** `tick` has something to do then. */
  wakeMs = Number.POSITIVE_INFINITY

  constructor(core: Core, post: Post, hooks: DoorHooks) {
    this.#core = core
    this.#post = post
    this.#hooks = hooks
  }

  at(link: LinkId): Door | undefined {
    return this.#doors.get(link)
  }

  open(link: LinkId, channelBinding: Uint8Array, expected: Id | undefined): void {
    const { nowMs, options } = this.#core
    if (this.#doors.size >= MAX_DOORS) {
      this.#core.emit({ kind: 'releaseLink', link, reason: 'too many links' })
      return
    }
    this.#doors.set(link, {
      link,
      binding: channelBinding.slice(),
      expected,
      state: 'new',
      openedMs: nowMs,
      proven: undefined,
      served: new Allowance(SERVED, nowMs),
      signals: new Allowance(SIGNALS, nowMs),
      copies: new Allowance(COPIES, nowMs),
      borne: new Allowance(BORNE, nowMs),
    })
    this.wakeMs = Math.min(this.wakeMs, nowMs + PROOF_MS)
    const { publicKey } = options
    this.#core.sign(proofText(channelBinding, publicKey), (signature) => {
      if (this.#doors.has(link)) this.#post.tell([link], { method: 'hello', publicKey, signature })
    })
  }

  /** @throws ProtocolViolation for a second one */
  onHello(door: Door, { publicKey, signature }: Extract<DirectQuery, { method: 'hello' }>): void {
    if (door.state !== 'new') throw new ProtocolViolation('a second hello')
    door.state = 'proving'
    const id = nodeIdOf(publicKey, this.#core.options.sha256)
    const { link, binding, expected } = door
    // Our own proof, sent back to us, would be good.
    const isSomebodyElse = id === this.#core.id || (expected !== undefined && expected !== id)
    if (isSomebodyElse || this.#core.isOutcast(id)) {
      this.release(link, 'somebody else')
      return
    }
    this.#core.verify({ publicKey, bytes: proofText(binding, publicKey), signature }, (good) => {
      if (!this.#doors.has(link)) return
      if (!good) {
        this.release(link, 'no proof')
        return
      }
      door.state = 'proven'
      door.proven = id
      this.#hooks.proven(link, id)
    })
  }

  /** Whether a query is served now, or there were too many of its kind. */
  admits(door: Door, { method }: Query): boolean {
    const { nowMs } = this.#core
    if (method === 'copy_provider') return door.copies.take(1, nowMs)
    return door.served.take(1, nowMs) && (method !== 'signal' || door.signals.take(1, nowMs))
  }

  /** Gives up a link for what was said on it, and its other end for a while. */
  castOut({ link, proven }: Door, reason: string): void {
    if (proven !== undefined) this.#core.castOut(proven)
    this.release(link, reason)
  }

  /** Whether of two links to the same node the first is to go; its other end decides in the same way. */
  yields(link: LinkId, other: LinkId): boolean {
    const [a, b] = [this.#doors.get(link)?.binding, this.#doors.get(other)?.binding]
    return a === undefined || b === undefined || toHex(a) > toHex(b)
  }

  /** For the DHT the link is over. */
  release(link: LinkId, reason: string): void {
    if (!this.#doors.has(link)) return
    this.#core.emit({ kind: 'releaseLink', link, reason })
    this.forget(link)
  }

  forget(link: LinkId): void {
    if (this.#doors.delete(link)) this.#hooks.gone(link)
  }

  /** Releases who has not proven anything in time. */
  tick(): void {
    if (this.#core.nowMs < this.wakeMs) return
    this.wakeMs = Number.POSITIVE_INFINITY
    for (const { link, state, openedMs } of [...this.#doors.values()]) {
      if (state === 'proven') continue
      const dueMs = openedMs + PROOF_MS
      if (dueMs <= this.#core.nowMs) this.release(link, 'no proof')
      else this.wakeMs = Math.min(this.wakeMs, dueMs)
    }
  }
}
