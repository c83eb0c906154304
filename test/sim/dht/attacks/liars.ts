import { decodeDhtMessage } from '../../../../mesh/dht/decode.ts'
import { encodeDhtMessage } from '../../../../mesh/dht/encode.ts'
import { type Id, sharedBits } from '../../../../mesh/dht/id.ts'
import { type DhtMessage, MAX_POPULATION, type Reply, type RoutedQuery } from '../../../../mesh/dht/messages.ts'
import type { ProviderRecord } from '../../../../mesh/dht/record.ts'
import { HostileNode, type Routed } from '../hostile-node.ts'
import type { SimLink } from '../sim-node.ts'

// Nodes that answer what they are asked, wrongly.

/** Whatever shares so many bits with the key under attack is taken for it: tokens are given by nodes next to it. */
const VICINITY_BITS = 8
/** Public keys of honest nodes that a forger keeps in mind. */
const MAX_KEYS = 256
const FORGED_AT_ONCE = 4

/** Passes nothing on. */
export class SilentNode extends HostileNode {
  protected override onRouted(): boolean {
    return true
  }
}

/** Says that it knows whom nobody knows, and answers everything at once, with nodes that do not exist and its friends. */
export class Poisoner extends HostileNode {
  protected override onRouted(link: SimLink, { tx, query }: Routed): boolean {
    this.answer(link, tx, this.#lie(query))
    return true
  }

  protected override send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    const message = decodeDhtMessage(bytes)
    if (message.kind !== 'query' || message.query.method !== 'links') super.send(link, bytes)
    else {
      const { goal } = this
      const ids = [...message.query.ids, this.ghost(goal), this.ghost(goal)]
      this.say(link, { ...message.query, ids, population: MAX_POPULATION })
    }
  }

  /** What it says that it is linked with. */
  protected get goal(): Id {
    return this.anyId()
  }

  #lie(query: RoutedQuery): Reply {
    const { target } = query.route
    switch (query.method) {
      case 'find_node':
        return { hops: 0, at: this.ghost(target), nodes: [this.ghost(target), this.ghost(target)] }
      case 'find_providers':
        return query.announcer
          ? { hops: 0, at: this.ghost(target), token: this.random.bytes(8) }
          : { hops: 0, at: this.dht.id, providers: [this.friendsRecord(target), this.friendsRecord(target)] }
      case 'add_provider':
        return { hops: 0, at: target }
      case 'signal':
        return { hops: 0, at: target, answer: 'sdp 1000000000 1' }
    }
  }
}

/** Does that to one key, and is a good node otherwise. */
export class Eclipser extends Poisoner {
  protected override onRouted(link: SimLink, routed: Routed): boolean {
    return sharedBits(routed.query.route.target, this.victim) >= VICINITY_BITS && super.onRouted(link, routed)
  }

  protected override get goal(): Id {
    return this.victim
  }
}

/** Keeps providers away: there are enough, it says, for every chunk of every key. */
export class Discourager extends HostileNode {
  protected override onRouted(link: SimLink, { tx, query }: Routed): boolean {
    if (query.method !== 'find_providers' || query.announcer === undefined) return false
    this.answer(link, tx, { hops: 0, at: this.dht.id, scarce: new Uint8Array(0) })
    return true
  }
}

/** Tells of records that others never signed: of honest nodes, with other chunks, or for longer than they may live. */
export class Forger extends HostileNode {
  readonly #keys: Uint8Array[] = []

  protected override onRouted(link: SimLink, { tx, query }: Routed): boolean {
    this.#spread(link)
    if (query.method !== 'find_providers' || query.announcer !== undefined) return false
    const providers = Array.from({ length: FORGED_AT_ONCE }, () => this.#forged(query.route.target))
    this.answer(link, tx, { hops: 0, at: this.dht.id, providers })
    return true
  }

  protected override onMessage(_link: SimLink, message: DhtMessage): void {
    if (message.kind !== 'query' || message.query.method !== 'hello' || this.#keys.length >= MAX_KEYS) return
    this.#keys.push(message.query.publicKey)
  }

  /** Answers that it passes back come out changed. */
  protected override send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    const message = decodeDhtMessage(bytes)
    if (message.kind !== 'reply' || message.reply.providers === undefined) super.send(link, bytes)
    else {
      const providers = message.reply.providers.map((record) => ({ ...record, bits: Uint8Array.of(0x0f) }))
      super.send(link, encodeDhtMessage({ ...message, reply: { ...message.reply, providers } }))
    }
  }

  #spread(link: SimLink): void {
    const record = this.#forged(this.victim)
    this.say(link, { method: 'copy_provider', key: this.victim, reach: 0, record })
  }

  #forged(key: Id): ProviderRecord {
    const publicKey = this.#keys.length > 0 ? this.random.pick(this.#keys) : this.random.bytes(32)
    const bits = Uint8Array.of(0x0f)
    if (this.random.next() < 0.25) return this.recordOf(key, this.publicKey, { expires: this.nowS + 86_400 })
    if (this.random.next() < 0.25) return this.recordOf(key, this.publicKey, { expires: this.nowS - 1 })
    return { ...this.recordOf(key, publicKey, { bits }), signature: this.random.bytes(64) }
  }
}
