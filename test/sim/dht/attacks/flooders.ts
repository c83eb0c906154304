import { decodeDhtMessage } from '../../../../mesh/dht/decode.ts'
import { ID_BITS, type Id, nodeIdOf } from '../../../../mesh/dht/id.ts'
import type { DhtMessage, Query, SearchId, Tx } from '../../../../mesh/dht/messages.ts'
import { toHex } from '../../../../protocol/hex.ts'
import { HostileNode, type HostileOptions } from '../hostile-node.ts'
import type { Random } from '../random.ts'
import { type SimLink, sha256, type World } from '../sim-node.ts'

// Nodes that ask and store too much.

/** Searches, stores and offers to random ids, on all links. */
export class Flooder extends HostileNode {
  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, options)
    const { perSecond = 1 } = this.hostility
    this.every(1000 / perSecond, () => {
      for (const link of this.links.values()) this.say(link, this.#nonsense(), toHex(this.random.bytes(2)) as Tx)
    })
  }

  #nonsense(): Query {
    const search = toHex(this.random.bytes(8)) as SearchId
    const target = this.anyId()
    const route = { target, search, hops: 24, careful: false }
    const record = this.friendsRecord(target)
    const { publicKey } = record
    const token = record.signature.slice(0, 8)
    return this.random.pick<Query>([
      { method: 'find_providers', route },
      { method: 'signal', route, from: this.anyId(), match: ID_BITS, offer: 'x'.repeat(4000) },
      { method: 'add_provider', route, key: target, token, reach: 0, publicKey, news: record },
      { method: 'copy_provider', key: this.dht.id, reach: 0, record: this.friendsRecord(this.dht.id) },
    ])
  }
}

/** Says of one key that ever new nodes provide it, all of them made up. */
export class Sybil extends HostileNode {
  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, options)
    const { perSecond = 1 } = this.hostility
    this.every(1000 / perSecond, () => {
      for (const link of this.links.values()) {
        const record = this.recordOf(this.victim, this.random.bytes(32), { expires: this.nowS + 3590 })
        this.say(link, { method: 'copy_provider', key: this.victim, reach: 0, record })
      }
    })
  }
}

/** Announces one key for ever new nodes, all of them made up, as a provider does: it asks for tokens, and uses them. */
export class SybilAnnouncer extends HostileNode {
  readonly #asked = new Map<Tx, Uint8Array>()

  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, options)
    const { perSecond = 1 } = this.hostility
    this.every(1000 / perSecond, () => {
      for (const link of this.links.values()) this.#ask(link)
    })
  }

  protected override onMessage(link: SimLink, message: DhtMessage): void {
    if (message.kind !== 'reply') return
    const publicKey = this.#asked.get(message.tx)
    this.#asked.delete(message.tx)
    const { at, token } = message.reply
    if (publicKey === undefined || at === undefined || token === undefined) return
    const news = this.recordOf(this.victim, publicKey)
    const route = this.#routeTo(at)
    this.say(link, { method: 'add_provider', route, key: this.victim, token, reach: 0, publicKey, news })
  }

  protected madeUp(): Uint8Array {
    return this.random.bytes(32)
  }

  #ask(link: SimLink): void {
    const publicKey = this.madeUp()
    const tx = toHex(this.random.bytes(4)) as Tx
    this.#asked.set(tx, publicKey)
    const announcer = { provider: nodeIdOf(publicKey, sha256), reach: 0, bits: new Uint8Array(8).fill(0xff) }
    this.say(link, { method: 'find_providers', route: this.#routeTo(this.victim), announcer }, tx)
  }

  #routeTo(target: Id) {
    return { target, search: toHex(this.random.bytes(8)) as SearchId, hops: 16, careful: false }
  }
}

const NAMED = 16
const CAST = Array.from({ length: 64 }, (_, number) => sha256(Uint8Array.of(number)))

/** Likewise, the same ones as its accomplices; and says that it is linked with them. */
export class CastingSybil extends SybilAnnouncer {
  protected override madeUp(): Uint8Array {
    return this.random.pick(CAST)
  }

  protected override send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    const message = decodeDhtMessage(bytes)
    if (message.kind !== 'query' || message.query.method !== 'links') super.send(link, bytes)
    else {
      const cast = Array.from({ length: NAMED }, () => nodeIdOf(this.madeUp(), sha256))
      const ids = [...new Set([...message.query.ids.slice(-NAMED), ...cast])]
      this.say(link, { ...message.query, ids })
    }
  }
}
