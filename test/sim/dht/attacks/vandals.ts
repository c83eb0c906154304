import { decodeDhtMessage } from '../../../../mesh/dht/decode.ts'
import { encodeDhtMessage } from '../../../../mesh/dht/encode.ts'
import { bytesOfText } from '../../../../mesh/dht/id.ts'
import { type DhtMessage, type DirectQuery, MAX_MESSAGE, type Tx } from '../../../../mesh/dht/messages.ts'
import { HostileNode, type HostileOptions } from '../hostile-node.ts'
import type { Random } from '../random.ts'
import type { SimLink, World } from '../sim-node.ts'

// Nodes that do not keep to the form.

type Hello = Extract<DirectQuery, { method: 'hello' }>

/** Proofs that an impostor keeps in mind. */
const MAX_PROOFS = 64
/** On so many links it says who it is, so that it stays in the network. */
const HONEST_SHARE = 0.5
const GARBLE_MS = 5_000

/** Says that it is somebody else: with the other's own proof, one from another link, or none that is good. */
export class Impostor extends HostileNode {
  readonly #proofs: Hello[] = []
  readonly #proofOf = new Map<SimLink, Hello>()

  protected override onMessage(link: SimLink, { kind, ...message }: DhtMessage): void {
    if (kind !== 'query' || !('query' in message) || message.query.method !== 'hello') return
    this.#proofOf.set(link, message.query)
    if (this.#proofs.length < MAX_PROOFS) this.#proofs.push(message.query)
  }

  protected override send(link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    const message = decodeDhtMessage(bytes)
    const isHello = message.kind === 'query' && message.query.method === 'hello'
    if (!isHello || this.#proofs.length === 0 || this.random.next() < HONEST_SHARE) super.send(link, bytes)
    else this.say(link, this.#stolen(link))
  }

  #stolen(link: SimLink): Hello {
    const replayed = this.random.pick(this.#proofs)
    const reflected = this.#proofOf.get(link) ?? replayed
    return this.random.pick([reflected, replayed, { ...replayed, signature: this.random.bytes(64) }])
  }
}

/** Sends what is no message, or none that may be sent. */
export class Garbler extends HostileNode {
  constructor(world: World, random: Random, options: HostileOptions) {
    super(world, random, options)
    this.every(GARBLE_MS, () => {
      for (const link of this.links.values()) this.sendRaw(link, this.#garbage())
    })
  }

  #garbage(): Uint8Array<ArrayBuffer> {
    const { random } = this
    const good = encodeDhtMessage({ kind: 'query', tx: 'abcd' as Tx, query: { method: 'ping' } })
    const changed = good.slice()
    changed[random.below(changed.length)] = random.below(256)
    return random.pick([
      random.bytes(random.below(200)),
      new Uint8Array(MAX_MESSAGE + 1).fill(0x64),
      bytesOfText('l'.repeat(MAX_MESSAGE)),
      bytesOfText('d1:t99999999999:'),
      bytesOfText('d1:ad5:nodesi-1e10:populationi1ee1:q5:links1:t0:1:y1:qe'),
      good.slice(0, -1),
      changed,
    ])
  }
}
