import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { decodeDhtMessage } from '../../../mesh/dht/decode.ts'
import { Dht } from '../../../mesh/dht/dht.ts'
import { encodeDhtMessage } from '../../../mesh/dht/encode.ts'
import type { DhtEffect, DhtInput } from '../../../mesh/dht/io.ts'
import type { DhtMessage, Query, Tx } from '../../../mesh/dht/messages.ts'
import { proofText } from '../../../mesh/dht/proof.ts'
import type { LinkId } from '../../../mesh/peer.ts'
import { Random } from './random.ts'

// A few real nodes with real signatures on a table: messages arrive at once, in order, unless somebody is in between.

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** A key pair that a number names. */
export class Keys {
  readonly publicKey: Uint8Array
  readonly #privateKey: KeyObject

  constructor(number: number) {
    const seed = sha256(Uint8Array.of(number, number >>> 8, number >>> 16))
    this.#privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#privateKey).export({ format: 'der', type: 'spki' })
    this.publicKey = Uint8Array.from(spki.subarray(SPKI.length))
  }

  sign(bytes: Uint8Array): Uint8Array {
    return Uint8Array.from(sign(null, bytes, this.#privateKey))
  }
}

export function isGoodSignature({ publicKey, bytes, signature }: Extract<DhtEffect, { kind: 'verify' }>): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
  return verify(null, bytes, key, signature)
}

/** Runs one node; keeps what it asks of the outside. */
export class TableNode {
  readonly keys: Keys
  readonly dht: Dht
  readonly effects: DhtEffect[] = []
  nowMs = 0
  readonly #carry: (link: LinkId, bytes: Uint8Array) => void

  constructor(number: number, carry: (link: LinkId, bytes: Uint8Array) => void, links = 12) {
    this.keys = new Keys(number)
    this.#carry = carry
    const random = new Random(number)
    const { publicKey } = this.keys
    const randomBytes = (length: number) => random.bytes(length)
    this.dht = new Dht({ publicKey, sha256, randomBytes, nowMs: 0, epochMs: 1_700_000_000_000, links })
  }

  handle(input: DhtInput): void {
    for (const effect of this.dht.handle(input, this.nowMs)) {
      if (effect.kind === 'send') this.#carry(effect.link, effect.bytes)
      else if (effect.kind === 'sign')
        this.handle({ kind: 'signed', job: effect.job, signature: this.keys.sign(effect.bytes) })
      else if (effect.kind === 'verify')
        this.handle({ kind: 'verified', job: effect.job, good: isGoodSignature(effect) })
      else this.effects.push(effect)
    }
  }

  /** Lets time pass, and everything in it happen that is due. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.dht.wakeMs <= endMs) {
      this.nowMs = Math.max(this.nowMs + 1, this.dht.wakeMs)
      this.handle({ kind: 'tick' })
    }
    this.nowMs = Math.max(this.nowMs, endMs)
  }

  took<K extends DhtEffect['kind']>(kind: K): Extract<DhtEffect, { kind: K }>[] {
    return this.effects.filter((effect): effect is Extract<DhtEffect, { kind: K }> => effect.kind === kind)
  }
}

/** One node whose links all end with us. */
export class LoneNode {
  readonly node: TableNode
  readonly sent: { readonly link: LinkId; readonly message: DhtMessage }[] = []
  #lastTx = 0

  constructor(number = 1, links = 12) {
    this.node = new TableNode(
      number,
      (link, bytes) => this.sent.push({ link, message: decodeDhtMessage(bytes) }),
      links,
    )
  }

  /** Opens a link with a node whose key `number` names, which proves itself. */
  link(number: number): LinkId {
    const link = number as LinkId
    const keys = new Keys(number)
    const channelBinding = sha256(Uint8Array.of(number))
    this.node.handle({ kind: 'linkOpened', link, channelBinding })
    const signature = keys.sign(proofText(channelBinding, keys.publicKey))
    this.say(link, { method: 'hello', publicKey: keys.publicKey, signature })
    return link
  }

  say(link: LinkId, query: Query): void {
    this.receive(link, { kind: 'query', tx: '' as Tx, query })
  }

  /** @returns what the node answered */
  ask(link: LinkId, query: Query): DhtMessage | undefined {
    const tx = `t${this.#lastTx++}` as Tx
    this.receive(link, { kind: 'query', tx, query })
    return this.sent.find((one) => one.link === link && one.message.tx === tx)?.message
  }

  receive(link: LinkId, message: Parameters<typeof encodeDhtMessage>[0]): void {
    this.node.handle({ kind: 'received', link, bytes: encodeDhtMessage(message) })
  }

  /** Queries that it sent and waits for. */
  asked<M extends Query['method']>(method: M): { link: LinkId; tx: Tx; query: Extract<Query, { method: M }> }[] {
    return this.sent.flatMap(({ link, message }) =>
      message.kind === 'query' && message.query.method === method
        ? [{ link, tx: message.tx, query: message.query as Extract<Query, { method: M }> }]
        : [],
    )
  }
}
