import { decodeDhtMessage } from '../../../mesh/dht/decode.ts'
import { encodeDhtMessage } from '../../../mesh/dht/encode.ts'
import { type Id, idInBucket, nodeIdOf, sharedBits } from '../../../mesh/dht/id.ts'
import type { DhtInput } from '../../../mesh/dht/io.ts'
import {
  type DhtMessage,
  isRouted,
  type Query,
  type Reply,
  type RoutedQuery,
  type Tx,
} from '../../../mesh/dht/messages.ts'
import { type ProviderRecord, recordText } from '../../../mesh/dht/record.ts'
import type { Random } from './random.ts'
import type { Hostility } from './scenario.ts'
import { EPOCH_MS, type SimLink, SimNode, type SimNodeOptions, sha256, signature, type World } from './sim-node.ts'

/** Bits that a ghost shares with what it is a lie about: more than any real node. */
const GHOST_BITS = 40
/** Life of the records that are made up: what honest ones have. */
const RECORD_S = 2400

export interface HostileOptions extends SimNodeOptions {
  readonly hostility: Hostility
  /** The key that an attack on one key is about. */
  readonly victim: Id
  /** Keys of hostile nodes, of which records are made up; a new one adds its own. */
  readonly friends: Uint8Array[]
}

export type Routed = { readonly tx: Tx; readonly query: RoutedQuery }

/** A node that keeps its links like any other, and does harm by what it says on them. The kinds of harm are in `attacks/`. */
export abstract class HostileNode extends SimNode {
  protected readonly world: World
  protected readonly random: Random
  protected readonly hostility: Hostility
  protected readonly friends: readonly Uint8Array[]
  protected readonly victim: Id

  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, { ...options, publicKey: keyFor(options, random) })
    this.world = world
    this.random = random
    this.hostility = options.hostility
    this.victim = options.victim
    this.friends = options.friends
    options.friends.push(this.publicKey)
  }

  override handle(input: DhtInput): void {
    if (this.isAlive && input.kind === 'received') {
      const to = this.links.get(input.link)
      if (to !== undefined && this.#isDealtWith(to, input.bytes)) return
    }
    super.handle(input)
  }

  /** A query that is to be answered or passed on. @returns whether it is dealt with, instead of as an honest node would */
  protected onRouted(_link: SimLink, _routed: Routed): boolean {
    return false
  }

  /** Any other message. */
  protected onMessage(_link: SimLink, _message: DhtMessage): void {}

  #isDealtWith(link: SimLink, bytes: Uint8Array): boolean {
    const message = tryDecoding(bytes)
    if (message === undefined) return true
    if (message.kind === 'query' && isRouted(message.query))
      return this.onRouted(link, { tx: message.tx, query: message.query })
    this.onMessage(link, message)
    return false
  }

  // What attacks are made of

  /** Does something on all links, again and again. */
  protected every(ms: number, act: () => void): void {
    const again = () => {
      if (!this.isAlive) return
      act()
      this.world.after(ms, again)
    }
    this.world.after(ms * this.random.next(), again)
  }

  protected answer(link: SimLink, tx: Tx, reply: Reply): void {
    super.send(link, encodeDhtMessage({ kind: 'reply', tx, reply }))
  }

  protected say(link: SimLink, query: Query, tx = '' as Tx): void {
    super.send(link, encodeDhtMessage({ kind: 'query', tx, query }))
  }

  protected sendRaw(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    super.send(link, bytes)
  }

  /** A record as its provider would sign it. */
  protected recordOf(key: Id, publicKey: Uint8Array, changes: Partial<ProviderRecord> = {}): ProviderRecord {
    const expires = this.nowS + RECORD_S
    const draft = { publicKey, sequence: expires, expires, bits: Uint8Array.of(0xff), ...changes }
    return { ...draft, signature: signature(publicKey, recordText(key, draft)) }
  }

  protected friendsRecord(key: Id): ProviderRecord {
    return this.recordOf(key, this.random.pick(this.friends))
  }

  /** An id very close to another, which nobody has. */
  protected ghost(target: Id): Id {
    return idInBucket(target, GHOST_BITS, (length) => this.random.bytes(length))
  }

  protected anyId(): Id {
    return nodeIdOf(this.random.bytes(32), sha256)
  }

  protected get nowS(): number {
    return Math.floor((EPOCH_MS + this.world.nowMs) / 1000)
  }
}

/** Hostile nodes do not mind what others of their kind say. */
function tryDecoding(bytes: Uint8Array): DhtMessage | undefined {
  try {
    return decodeDhtMessage(bytes)
  } catch {
    return undefined
  }
}

/** Who attacks a key may try key pairs until one lies close to it. */
function keyFor({ hostility: { groundBits = 0 }, victim }: HostileOptions, random: Random): Uint8Array {
  for (;;) {
    const publicKey = random.bytes(32)
    if (sharedBits(nodeIdOf(publicKey, sha256), victim) >= groundBits) return publicKey
  }
}
