import { hasBit, setBit } from '../../protocol/wire/bitfield.ts'
import type { LinkId } from '../peer.ts'
import type { Id } from './id.ts'
import { MAX_BITS_BYTES, type ProviderRecord } from './record.ts'

/** `home`: we are close to the key. `path`: it came by, and may serve whoever comes by after it. */
type Place = 'home' | 'path'

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
const MAX_OF_KEY = { home: 64, path: 8 } as const
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
  wouldKeep(key: Id, { provider, record, place, from }: Offered, nowMs: number): boolean {
    const known = this.get(key, provider)
    if (known !== undefined && known.untilMs > nowMs)
      return record.sequence > known.record.sequence || (place === 'home' && known.place === 'path')
    if ((this.#ofLink.get(from) ?? 0) >= MAX_OF_LINK) return false
    const others = this.of(key, nowMs)
    const room = MAX_OF_KEY[place]
    return others.length < room || (place === 'home' && this.#replaceable(others, record, from) !== undefined)
  }

  /** @returns whether it was kept */
  put(key: Id, held: Held, nowMs: number): boolean {
    if (!this.wouldKeep(key, held, nowMs)) return false
    const known = this.get(key, held.provider)
    if (known !== undefined) this.#drop(key, known)
    const others = this.of(key, nowMs)
    if (others.length >= MAX_OF_KEY.home) {
      const victim = this.#replaceable(others, held.record, held.from)
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

  /** What few others tell of too; or else what came by a link that has brought clearly more than this one. */
  #replaceable(others: readonly Held[], record: ProviderRecord, from: LinkId): Held | undefined {
    const dispensable = leastNeeded(others, record)
    if (dispensable !== undefined) return dispensable
    const brought = countedByLink(others)
    const most = Math.max(...brought.values())
    if (most <= (brought.get(from) ?? 0) + 1) return undefined
    return [...others].reverse().find((other) => brought.get(other.from) === most)
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
    if (victim === undefined || (place === 'path' && victim.held.place === 'home')) return false
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

function countedByLink(all: readonly Held[]): Map<LinkId, number> {
  const counts = new Map<LinkId, number>()
  for (const { from } of all) counts.set(from, (counts.get(from) ?? 0) + 1)
  return counts
}

function isLesser(a: Held, b: Held): boolean {
  return a.place === b.place ? a.untilMs < b.untilMs : a.place === 'path'
}

function countOf(all: readonly Held[], chunk: number): number {
  let count = 0
  for (const { record } of all) if (hasBit(record.bits, chunk)) count++
  return count
}

/** A record whose chunks are all told of by others too, if the new one has a chunk that few tell of. */
function leastNeeded(all: readonly Held[], record: ProviderRecord): Held | undefined {
  const chunks = Array.from({ length: 8 * MAX_BITS_BYTES }, (_, chunk) => chunk)
  const counts = chunks.map((chunk) => countOf(all, chunk))
  const isScarce = (chunk: number) => (counts[chunk] ?? 0) < SCARCE
  if (!chunks.some((chunk) => hasBit(record.bits, chunk) && isScarce(chunk))) return undefined
  const isDispensable = ({ record: { bits } }: Held) =>
    !chunks.some((chunk) => hasBit(bits, chunk) && (counts[chunk] ?? 0) <= SCARCE)
  return [...all].reverse().find(isDispensable)
}
