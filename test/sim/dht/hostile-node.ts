import { decodeDhtMessage } from '../../../mesh/dht/decode.ts'
import { encodeDhtMessage } from '../../../mesh/dht/encode.ts'
import { ID_BITS, type Id, idInBucket, nodeIdOf, sharedBits } from '../../../mesh/dht/id.ts'
import type { DhtInput } from '../../../mesh/dht/io.ts'
import {
  type DhtMessage,
  isRouted,
  type Reply,
  type RoutedQuery,
  type SearchId,
  type Tx,
} from '../../../mesh/dht/messages.ts'
import { type ProviderRecord, recordText } from '../../../mesh/dht/record.ts'
import { toHex } from '../../../protocol/hex.ts'
import type { Random } from './random.ts'
import type { Hostility } from './scenario.ts'
import { EPOCH_MS, type SimLink, SimNode, type SimNodeOptions, sha256, signature, type World } from './sim-node.ts'

/** Bits that a ghost shares with what it is a lie about: more than any real node. */
const GHOST_BITS = 40
const FLOOD_MS = 100
/** Whatever shares so many bits with the key under attack is taken for it: tokens are given by nodes next to it. */
const VICINITY_BITS = 8

export interface HostileOptions extends SimNodeOptions {
  readonly hostility: Hostility
  /** The key that an eclipse is about. */
  readonly victim: Id
  /** Keys of hostile nodes, of which records are made up; a new one adds its own. */
  readonly friends: Uint8Array[]
}

type Routed = { readonly tx: Tx; readonly query: RoutedQuery }

/** A node that keeps its links like any other, and does harm by what it says on them. */
export class HostileNode extends SimNode {
  readonly #world: World
  readonly #random: Random
  readonly #hostility: Hostility
  readonly #friends: readonly Uint8Array[]
  readonly #victim: Id

  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, { ...options, publicKey: keyFor(options, random) })
    this.#world = world
    this.#random = random
    this.#hostility = options.hostility
    this.#victim = options.victim
    this.#friends = options.friends
    options.friends.push(this.publicKey)
    if (this.#hostility.kind === 'flood') world.after(random.next() * 60_000, () => this.#flood())
  }

  override handle(input: DhtInput): void {
    const routed = input.kind === 'received' ? routedQuery(decodeDhtMessage(input.bytes)) : undefined
    if (input.kind !== 'received' || routed === undefined || !this.isAlive) super.handle(input)
    else this.#onRouted(input, routed)
  }

  protected override send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    super.send(link, this.#embellished(bytes))
  }

  /** Adds to our links some that would be closer to a key than any there are. */
  #embellished(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { kind } = this.#hostility
    if (kind !== 'eclipse' && kind !== 'poison') return bytes
    const message = decodeDhtMessage(bytes)
    if (message.kind !== 'query' || message.query.method !== 'links') return bytes
    const target = kind === 'eclipse' ? this.#victim : this.#anyId()
    const ids = [...message.query.ids, this.#ghost(target), this.#ghost(target)]
    return encodeDhtMessage({ ...message, query: { ...message.query, ids } })
  }

  #onRouted(input: Extract<DhtInput, { kind: 'received' }>, routed: Routed): void {
    switch (this.#hostility.kind) {
      case 'silent':
        return
      case 'poison':
        this.#answer(input.link, routed)
        return
      case 'eclipse':
        if (sharedBits(routed.query.route.target, this.#victim) >= VICINITY_BITS) this.#answer(input.link, routed)
        else super.handle(input)
        return
      case 'flood':
      case 'none':
        super.handle(input)
    }
  }

  #answer(link: SimLink['id'], { tx, query }: Routed): void {
    const to = this.links.get(link)
    if (to !== undefined) super.send(to, encodeDhtMessage({ kind: 'reply', tx, reply: this.#lie(query) }))
  }

  #lie(query: RoutedQuery): Reply {
    const { target } = query.route
    switch (query.method) {
      case 'find_node':
        return { hops: 0, at: this.#ghost(target), nodes: [this.#ghost(target), this.#ghost(target)] }
      case 'find_providers':
        return query.announcer
          ? { hops: 0, at: this.#ghost(target), token: this.#random.bytes(8) }
          : { hops: 0, at: this.dht.id, providers: [this.#record(target, true), this.#record(target, false)] }
      case 'add_provider':
        return { hops: 0, at: target }
      case 'signal':
        return { hops: 0, at: target, answer: 'sdp 1000000000 1' }
    }
  }

  /** A record of a friend, or of a node that never signed it. */
  #record(key: Id, isFriend: boolean): ProviderRecord {
    const publicKey = isFriend ? this.#random.pick(this.#friends) : this.#random.bytes(32)
    const expires = Math.floor((EPOCH_MS + this.#world.nowMs) / 1000) + 2400
    const draft = { publicKey, sequence: expires, expires, bits: Uint8Array.of(0xff) }
    return { ...draft, signature: isFriend ? signature(publicKey, recordText(key, draft)) : this.#random.bytes(64) }
  }

  /** An id very close to another, which nobody has. */
  #ghost(target: Id): Id {
    return idInBucket(target, GHOST_BITS, (length) => this.#random.bytes(length))
  }

  #anyId(): Id {
    return nodeIdOf(this.#random.bytes(32), sha256)
  }

  /** Searches, stores and offers to random ids, on all links, as much as anybody bears. */
  #flood(): void {
    if (!this.isAlive) return
    for (const link of this.links.values()) super.send(link, this.#nonsense())
    this.#world.after(FLOOD_MS, () => this.#flood())
  }

  #nonsense(): Uint8Array<ArrayBuffer> {
    const search = toHex(this.#random.bytes(8)) as SearchId
    const target = this.#anyId()
    const route = { target, search, hops: 24, careful: false }
    const tx = toHex(this.#random.bytes(2)) as Tx
    const record = this.#record(target, true)
    const copy = { method: 'copy_provider', key: this.dht.id, reach: 0, record, told: [] } as const
    const kinds: RoutedQuery[] = [
      { method: 'find_providers', route },
      { method: 'signal', route, from: this.#anyId(), match: ID_BITS, offer: 'x'.repeat(4000) },
      {
        method: 'add_provider',
        route,
        key: target,
        token: record.signature.slice(0, 8),
        reach: 0,
        publicKey: record.publicKey,
        news: record,
      },
    ]
    const query = this.#random.next() < 0.25 ? copy : this.#random.pick(kinds)
    return encodeDhtMessage({ kind: 'query', tx, query })
  }
}

function routedQuery(message: DhtMessage): Routed | undefined {
  return message.kind === 'query' && isRouted(message.query) ? { tx: message.tx, query: message.query } : undefined
}

/** Who attacks a key tries key pairs until one lies close to it. */
function keyFor({ hostility: { kind, groundBits = 0 }, victim }: HostileOptions, random: Random): Uint8Array {
  for (;;) {
    const publicKey = random.bytes(32)
    if (kind !== 'eclipse' || sharedBits(nodeIdOf(publicKey, sha256), victim) >= groundBits) return publicKey
  }
}
