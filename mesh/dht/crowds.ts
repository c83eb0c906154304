import type { LinkId } from '../peer.ts'
import type { Core } from './core.ts'
import type { Id } from './id.ts'
import { type Held, scarceChunks } from './record-store.ts'

/** With so many providers of a key there need not be more, except for chunks that few of them have. */
const ENOUGH_PROVIDERS = 32
/** So many of them have left their records here themselves: each does so with three of twenty nodes. */
const ENOUGH_GIVEN = 3
/** What is known about a key counts for this long. */
const LIFE_MS = 60_000
const MAX_KEYS = 64
/** Links that have to say the same before we believe it: one alone may want to keep providers away. */
const WITNESSES = 2

interface Crowd {
  readonly scarce: Uint8Array
  readonly untilMs: number
  /** Who said so; none for what we know ourselves. */
  readonly from: readonly LinkId[]
}

/** Keys that have all the providers that they need. They are remembered on the way, so that not everybody asks to the end. */
export class Crowds {
  readonly #core: Core
  readonly #here = new Map<Id, Crowd>()
  readonly #elsewhere = new Map<Id, Crowd>()

  constructor(core: Core) {
    this.#core = core
  }

  /** @param held all records of the key @returns chunks of which there are not enough providers; undefined: of all */
  scarceHere(key: Id, held: readonly Held[]): Uint8Array | undefined {
    if (held.length < ENOUGH_PROVIDERS || !hasEnoughGiven(held)) return undefined
    const known = this.#live(this.#here, key)
    if (known !== undefined) return known.scarce
    const scarce = scarceChunks(held)
    this.#note(this.#here, key, scarce, [])
    return scarce
  }

  /** The same by the word of others. */
  scarceElsewhere(key: Id): Uint8Array | undefined {
    const known = this.#live(this.#elsewhere, key)
    return known !== undefined && known.from.length >= WITNESSES ? known.scarce : undefined
  }

  heard(key: Id, scarce: Uint8Array, from: LinkId): void {
    const before = this.#live(this.#elsewhere, key)?.from ?? []
    this.#note(this.#elsewhere, key, scarce, [...before.filter((link) => link !== from), from].slice(-WITNESSES))
  }

  #live(crowds: ReadonlyMap<Id, Crowd>, key: Id): Crowd | undefined {
    const crowd = crowds.get(key)
    return crowd !== undefined && crowd.untilMs > this.#core.nowMs ? crowd : undefined
  }

  #note(crowds: Map<Id, Crowd>, key: Id, scarce: Uint8Array, from: readonly LinkId[]): void {
    if (crowds.size >= MAX_KEYS) crowds.clear()
    crowds.set(key, { scarce, untilMs: this.#core.nowMs + LIFE_MS, from })
  }
}

function hasEnoughGiven(held: readonly Held[]): boolean {
  return held.filter(({ place }) => place === 'given').length >= ENOUGH_GIVEN
}
