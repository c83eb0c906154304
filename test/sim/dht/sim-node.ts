import { hash } from 'node:crypto'
import { Dht } from '../../../mesh/dht/dht.ts'
import type { DhtEffect, DhtInput, DialId } from '../../../mesh/dht/io.ts'
import type { LinkId } from '../../../mesh/peer.ts'
import type { InfoHash } from '../../../protocol/units.ts'
import type { Place } from './latency.ts'
import type { Random } from './random.ts'

/** One end of a simulated link. */
export interface SimLink {
  readonly id: LinkId
  readonly to: SimNode
  /** The other end's name for it. */
  readonly otherId: LinkId
  /** Messages stay in order. */
  lastArrivalMs: number
}

/** What nodes tell whoever runs them. */
export type Told = Extract<DhtEffect, { kind: 'found' | 'searched' | 'connected' }>

/** What a node needs of the world around it. */
export interface World {
  readonly nowMs: number
  after(ms: number, run: () => void): void
  carry(from: SimNode, link: SimLink, bytes: Uint8Array<ArrayBuffer>): void
  describe(node: SimNode, effect: Extract<DhtEffect, { kind: 'makeOffer' | 'makeAnswer' }>): void
  accept(node: SimNode, effect: Extract<DhtEffect, { kind: 'accept' }>): void
  bootstrap(node: SimNode): void
  hangUp(node: SimNode, link: SimLink, reason: string): void
  onTold(effect: Told): void
}

/** `verify` and `sign` are hashes here, for nobody in the simulation forges what honest nodes would have to see through. */
export function signature(publicKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  const text = new Uint8Array(publicKey.length + bytes.length)
  text.set(publicKey)
  text.set(bytes, publicKey.length)
  return hash('sha512', text, 'buffer')
}

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** 1970 to the moment when virtual time begins. */
export const EPOCH_MS = 1_700_000_000_000

export interface SimNodeOptions {
  readonly place: Place
  readonly links: number
  readonly publicKey?: Uint8Array
}

/** Drives one real node of the DHT by simulated time and links. */
export class SimNode {
  readonly dht: Dht
  readonly place: Place
  readonly publicKey: Uint8Array
  readonly links = new Map<LinkId, SimLink>()
  isAlive = true
  /** Swarm that it is in. */
  swarm = 0
  readonly joinedMs: number
  sent = 0
  sentBytes = 0
  readonly #world: World
  #lastLink = 0
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(world: World, random: Random, { place, links, publicKey }: SimNodeOptions) {
    this.#world = world
    this.place = place
    this.publicKey = publicKey ?? random.bytes(32)
    this.joinedMs = world.nowMs
    this.dht = new Dht({
      publicKey: this.publicKey,
      sha256,
      randomBytes: (length) => random.bytes(length),
      nowMs: world.nowMs,
      epochMs: EPOCH_MS,
      links,
    })
  }

  newLink(): LinkId {
    return ++this.#lastLink as LinkId
  }

  handle(input: DhtInput): void {
    if (!this.isAlive) return
    const effects = this.dht.handle(input, this.#world.nowMs)
    // Effects of the answers that are given at once come after those that are there.
    for (let effect = effects.shift(); effect !== undefined; effect = effects.shift()) {
      const answer = this.perform(effect)
      if (answer !== undefined) effects.push(...this.dht.handle(answer, this.#world.nowMs))
    }
    this.#schedule()
  }

  /** @returns an answer that is there at once */
  protected perform(effect: DhtEffect): DhtInput | undefined {
    switch (effect.kind) {
      case 'send': {
        const link = this.links.get(effect.link)
        if (link !== undefined) this.send(link, effect.bytes)
        return undefined
      }
      case 'releaseLink': {
        const link = this.links.get(effect.link)
        if (link !== undefined) this.#world.hangUp(this, link, effect.reason)
        return undefined
      }
      case 'sign':
        return { kind: 'signed', job: effect.job, signature: signature(this.publicKey, effect.bytes) }
      case 'verify': {
        const good = Buffer.compare(signature(effect.publicKey, effect.bytes), effect.signature) === 0
        return { kind: 'verified', job: effect.job, good }
      }
      case 'makeOffer':
      case 'makeAnswer':
        this.#world.describe(this, effect)
        return undefined
      case 'accept':
        this.#world.accept(this, effect)
        return undefined
      case 'lonely':
        this.#world.bootstrap(this)
        return undefined
      case 'found':
      case 'searched':
      case 'connected':
        this.#world.onTold(effect)
        return undefined
      case 'proven':
      case 'abandon':
        return undefined
    }
  }

  protected send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    this.sent++
    this.sentBytes += bytes.length
    this.#world.carry(this, link, bytes)
  }

  #schedule(): void {
    const { wakeMs } = this.dht
    if (wakeMs >= this.#wakeMs && this.#wakeMs > this.#world.nowMs) return
    if (wakeMs === Number.POSITIVE_INFINITY) return
    const atMs = Math.max(wakeMs, this.#world.nowMs + 1)
    this.#wakeMs = atMs
    this.#world.after(atMs - this.#world.nowMs, () => {
      if (this.#wakeMs !== atMs) return
      this.#wakeMs = Number.POSITIVE_INFINITY
      this.handle({ kind: 'tick' })
    })
  }
}

/** Which dial of which node a description is about. */
export function describedDial(description: string): { node: number; dial: DialId } {
  const [, node, dial] = description.split(' ')
  return { node: Number(node), dial: Number(dial) as DialId }
}

/** The info hash of the swarm with this number. */
export function swarmHash(swarm: number): InfoHash {
  return swarm.toString(16).padStart(40, '0') as InfoHash
}
