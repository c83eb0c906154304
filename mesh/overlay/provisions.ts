import type { InfoHash } from '../../protocol/units.ts'
import type { Clock } from '../clock.ts'
import { REGION_CHUNKS } from '../dht/id.ts'
import type { DhtInput } from '../dht/io.ts'

export interface ProvisionsOptions {
  readonly clock: Clock
  readonly handle: (input: Extract<DhtInput, { kind: 'provide' }>) => void
}

/** Chunks come in groups: the first waits this long for the rest. */
const GROUP_MS = 250
/** With the first links nobody knows yet who is closest to a key. */
const SETTLE_MS = 1_500
const ENOUGH_LINKS = 4
const REGION_BYTES = REGION_CHUNKS / 8

interface Provided {
  /** What we tell peers that we hold, in wire order. A view that changes. */
  readonly bits: () => Uint8Array
  /** What the DHT was told, by region. */
  readonly told: Map<number, Uint8Array>
}

/** Tells the DHT which chunks of which swarms we serve. */
export class Provisions {
  readonly #options: ProvisionsOptions
  readonly #swarms = new Map<InfoHash, Provided>()
  readonly #changed = new Set<InfoHash>()
  #isSettled = false
  #cancelSettle: (() => void) | undefined
  #cancelGroup: (() => void) | undefined

  constructor(options: ProvisionsOptions) {
    this.#options = options
  }

  /** How many links there are now. */
  linked(links: number): void {
    if (this.#isSettled || links === 0) return
    if (links >= ENOUGH_LINKS) this.#settle()
    else this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => this.#settle())
  }

  add(infoHash: InfoHash, bits: () => Uint8Array): void {
    this.#swarms.set(infoHash, { bits, told: new Map() })
    this.changed(infoHash)
  }

  /** Nothing of this swarm is served any more. */
  remove(infoHash: InfoHash): void {
    const swarm = this.#swarms.get(infoHash)
    this.#swarms.delete(infoHash)
    for (const region of swarm?.told.keys() ?? [])
      this.#options.handle({ kind: 'provide', infoHash, region, bits: new Uint8Array() })
  }

  changed(infoHash: InfoHash): void {
    this.#changed.add(infoHash)
    if (!this.#isSettled) return
    this.#cancelGroup ??= this.#options.clock.after(GROUP_MS, () => {
      this.#cancelGroup = undefined
      this.#tellAll()
    })
  }

  close(): void {
    this.#cancelSettle?.()
    this.#cancelGroup?.()
    this.#swarms.clear()
  }

  #settle(): void {
    this.#isSettled = true
    this.#cancelSettle?.()
    this.#tellAll()
  }

  #tellAll(): void {
    for (const infoHash of this.#changed) {
      const swarm = this.#swarms.get(infoHash)
      if (swarm !== undefined) this.#tell(infoHash, swarm)
    }
    this.#changed.clear()
  }

  #tell(infoHash: InfoHash, { bits, told }: Provided): void {
    const all = bits()
    for (let region = 0; region * REGION_BYTES < all.length; region++) {
      const held = all.slice(region * REGION_BYTES, (region + 1) * REGION_BYTES)
      const before = told.get(region)
      const isNothing = held.every((byte) => byte === 0)
      if (before === undefined ? isNothing : held.every((byte, i) => byte === before[i])) continue
      told.set(region, held)
      this.#options.handle({ kind: 'provide', infoHash, region, bits: held })
    }
  }
}
