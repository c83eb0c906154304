import { hasBit, setBit } from '../../protocol/wire/bitfield.ts'
import type { LinkId } from '../peer.ts'
import type { Id } from './id.ts'
import { MAX_BITS_BYTES, type ProviderRecord } from './record.ts'

/**
 * `given`: we are close to the key, and its provider left it here with a token of ours. `told`: so did a node that we are linked
 * with. `path`: it came by, and may serve whoever comes by after it.
 */
type Place = 'given' | 'told' | 'path'

export interface Held {
  readonly provider: Id
  readonly record: ProviderRecord
  readonly place: Place
  /** The link that it came by. */
  readonly from: LinkId
  readonly untilMs: number
  /** When it, or an older record of the same provider, was last handed on. */
  readonly spreadMs: number
}

/** A record of which it is not known yet whether it is good. */
export type Offered = Omit<Held, 'untilMs' | 'spreadMs'>

/** Records in all, of one key by place, and from one link: with 350 bytes each at most 0.4 MiB. */
const MAX_RECORDS = 1024
const MAX_OF_KEY = 64
const MAX_ON_PATH = 8
/** Of one key, by what one link has brought: about twice what it is when there are as many providers as there need be. */
const MAX_OF_KEY_AND_LINK = { given: 8, told: 12, path: 4 } as const
/** What is worth more is not given up for what is worth less. */
const WORTH = { given: 2, told: 1, path: 0 } as const
const MAX_OF_LINK = 256
/** Chunks that fewer records than this tell of are scarce. */
const SCARCE = 4

/** Verified records of others. All that is bounded is bounded here. */
export class RecordStore {
  readonly #keys = new Map<Id, Map<Id, Held>>()
  readonly #ofLink = new Map<LinkId, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: Id, provider: Id): Held | undefined {
    return this.#keys.get(key)?.get(provider)
  }

  /** Live records of a key, the newest first. */
  of(key: Id, nowMs: number): Held[] {
    const held = this.#keys.get(key)
    if (held === undefined) return []
    for (const one of [...held.values()]) if (one.untilMs <= nowMs) this.#drop(key, one)
    return [...held.values()].sort((a, b) => b.record.expires - a.record.expires)
  }

  /** Whether a record of this kind would be kept, so that it is worth verifying. */
  wouldKeep(key: Id, offered: Offered, nowMs: number): boolean {
    const { provider, record, place, from } = offered
    const known = this.get(key, provider)
    if (known !== undefined && known.untilMs > nowMs) {
      const { sequence } = known.record
      return record.sequence > sequence || (record.sequence === sequence && WORTH[place] > WORTH[known.place])
    }
    if ((this.#ofLink.get(from) ?? 0) >= MAX_OF_LINK) return false
    const others = this.of(key, nowMs)
    const placed = placeAmong(others, offered)
    if (placed === undefined || (placed === 'path' && others.length >= MAX_ON_PATH)) return false
    return others.length < MAX_OF_KEY || this.#replaceable(others, { ...offered, place: placed }) !== undefined
  }

  /** @returns whether it was kept */
  put(key: Id, offered: Held, nowMs: number): boolean {
    if (!this.wouldKeep(key, offered, nowMs)) return false
    const known = this.get(key, offered.provider)
    if (known !== undefined) this.#drop(key, known)
    const others = this.of(key, nowMs)
    // Once it was given here, others telling of it anew do not make it worth less.
    const isWorthMore = known !== undefined && WORTH[known.place] > WORTH[offered.place]
    const place = isWorthMore ? known.place : (placeAmong(others, offered) ?? offered.place)
    const held = { ...offered, place, from: isWorthMore ? known.from : offered.from }
    if (others.length >= MAX_OF_KEY) {
      const victim = this.#replaceable(others, held)
      if (victim !== undefined) this.#drop(key, victim)
    }
    if (this.#size >= MAX_RECORDS && !this.#makeRoom(held.place, nowMs)) return false
    let records = this.#keys.get(key)
    if (records === undefined) {
      records = new Map()
      this.#keys.set(key, records)
    }
    records.set(held.provider, held)
    this.#ofLink.set(held.from, (this.#ofLink.get(held.from) ?? 0) + 1)
    this.#size++
    return true
  }

  /** Forgets what has expired. */
  sweep(nowMs: number): void {
    for (const [key, records] of [...this.#keys])
      for (const held of [...records.values()]) if (held.untilMs <= nowMs) this.#drop(key, held)
  }

  forgetLink(link: LinkId): void {
    this.#ofLink.delete(link)
  }

  /** What is worth less; or what few others tell of too; or what came by a link that has brought clearly more than this one. */
  #replaceable(others: readonly Held[], { record, place, from }: Offered): Held | undefined {
    const brought = countedByLink(others)
    const most = Math.max(...brought.values())
    const least = Math.min(...others.map((other) => WORTH[other.place]))
    const candidates = [...others].reverse().filter((other) => WORTH[other.place] === least)
    if (least < WORTH[place]) return candidates.find((other) => brought.get(other.from) === most) ?? candidates[0]
    if (least > WORTH[place]) return undefined
    const dispensable = leastNeeded(others, candidates, record)
    if (dispensable !== undefined) return dispensable
    if (most <= (brought.get(from) ?? 0) + 1) return undefined
    return candidates.find((other) => brought.get(other.from) === most)
  }

  /** Of the link that has brought most: what is on the path of others goes first, then what expires soonest. */
  #makeRoom(place: Place, nowMs: number): boolean {
    this.sweep(nowMs)
    if (this.#size < MAX_RECORDS) return true
    const brought = countedByLink([...this.#keys.values()].flatMap((records) => [...records.values()]))
    const most = Math.max(...brought.values())
    let victim: { key: Id; held: Held } | undefined
    for (const [key, records] of this.#keys)
      for (const held of records.values())
        if (brought.get(held.from) === most && (victim === undefined || isLesser(held, victim.held)))
          victim = { key, held }
    if (victim === undefined || WORTH[place] < WORTH[victim.held.place]) return false
    this.#drop(victim.key, victim.held)
    return true
  }

  #drop(key: Id, held: Held): void {
    const records = this.#keys.get(key)
    if (records?.get(held.provider) !== held) return
    records.delete(held.provider)
    if (records.size === 0) this.#keys.delete(key)
    const ofLink = this.#ofLink.get(held.from)
    if (ofLink !== undefined) this.#ofLink.set(held.from, Math.max(0, ofLink - 1))
    this.#size--
  }
}

/** Chunks that few of the records have. */
export function scarceChunks(all: readonly Held[]): Uint8Array {
  const bits = new Uint8Array(MAX_BITS_BYTES)
  for (let chunk = 0; chunk < 8 * bits.length; chunk++) if (countOf(all, chunk) < SCARCE) setBit(bits, chunk)
  return bits
}

/** What a record counts for when the link that it came by has brought so many of the key; undefined: nothing. */
function placeAmong(others: readonly Held[], { place, from }: Pick<Offered, 'place' | 'from'>): Place | undefined {
  const has = (kind: Place) => others.filter((other) => other.from === from && other.place === kind).length
  if (place === 'given' && has(place) >= MAX_OF_KEY_AND_LINK.given) return placeAmong(others, { place: 'told', from })
  return has(place) < MAX_OF_KEY_AND_LINK[place] ? place : undefined
}

function countedByLink(all: readonly Held[]): Map<LinkId, number> {
  const counts = new Map<LinkId, number>()
  for (const { from } of all) counts.set(from, (counts.get(from) ?? 0) + 1)
  return counts
}

function isLesser(a: Held, b: Held): boolean {
  return a.place === b.place ? a.untilMs < b.untilMs : WORTH[a.place] < WORTH[b.place]
}

function countOf(all: readonly Held[], chunk: number): number {
  let count = 0
  for (const { record } of all) if (hasBit(record.bits, chunk)) count++
  return count
}

/** The first candidate whose chunks are all told of by others too, if the new record has a chunk that few tell of. */
function leastNeeded(all: readonly Held[], candidates: readonly Held[], record: ProviderRecord): Held | undefined {
  const chunks = Array.from({ length: 8 * MAX_BITS_BYTES }, (_, chunk) => chunk)
  const counts = chunks.map((chunk) => countOf(all, chunk))
  const isScarce = (chunk: number) => (counts[chunk] ?? 0) < SCARCE
  if (!chunks.some((chunk) => hasBit(record.bits, chunk) && isScarce(chunk))) return undefined
  const isDispensable = ({ record: { bits } }: Held) =>
    !chunks.some((chunk) => hasBit(bits, chunk) && (counts[chunk] ?? 0) <= SCARCE)
  return candidates.find(isDispensable)
}
