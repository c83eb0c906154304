import type { MeshNode } from '../mesh/mesh-node.ts'
import type { LinkTaker } from '../mesh/overlay/dialler.ts'
import type { Overlay } from '../mesh/overlay/overlay.ts'
import type { SwarmDriver } from '../mesh/swarm-driver.ts'
import type { Link, Negotiation, Transport } from '../mesh/transport.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { InfoHash } from '../protocol/units.ts'
import { bitfieldLength, setBit } from '../protocol/wire/bitfield.ts'
import { verifySignature } from './node-identity.ts'
import type { NodeMemory } from './node-memory.ts'
import { sha256 } from './sha256.ts'

export interface DhtPresenceOptions {
  readonly node: MeshNode
  /** The one to use now. */
  readonly transport: () => Transport
  /** Whether all connections are taken. */
  readonly isFull: () => boolean
  /** Puts a link under the caps of all links. */
  readonly wrap: (link: Link) => Link
  /** The running swarm, started where it slept. */
  readonly wake: (infoHash: InfoHash) => Promise<SwarmDriver | undefined>
  /** Where the site is: its visitors are a network of their own. Unknown: we get into it by their links alone. */
  readonly site: string | undefined
  /** Who we are, and whom we know. */
  readonly memory: NodeMemory
}

/** Swarms that the DHT is told of: each costs it a record for every 512 chunks, and it keeps 256 of one node. */
const MAX_KNOWN = 128

/** A seeder in the DHT of its site's visitors: they find it there when there is no tracker, whether a swarm sleeps or not. */
export class DhtPresence {
  readonly #options: DhtPresenceOptions
  readonly #overlay: Overlay
  /** Chunks that we serve, in wire order. */
  readonly #known = new Map<InfoHash, Uint8Array>()

  constructor(options: DhtPresenceOptions) {
    this.#options = options
    this.#overlay = options.node.openOverlay({
      epochMs: performance.timeOrigin,
      sha256,
      ...options.memory,
      verify: verifySignature,
      transport: this.#transport(),
      ...(options.site !== undefined && { network: new URL(options.site).origin }),
    })
  }

  /** Clients of the DHT that we are linked with. */
  get links(): number {
    return this.#overlay.links.length
  }

  /** Newcomers find us at these trackers. */
  light(announce: readonly string[]): void {
    if (this.#options.site !== undefined) this.#options.node.light(announce)
  }

  /** We serve these chunks of a swarm; none: we are not to be found in it. To be called again when it has gone to sleep. */
  serve(infoHash: InfoHash, chunkCount: number, held: readonly ChunkSpan[]): void {
    const { node } = this.#options
    if (held.length === 0 || (!this.#known.has(infoHash) && this.#known.size >= MAX_KNOWN)) {
      this.withdraw(infoHash)
      return
    }
    const bits = bitsOf(held, chunkCount)
    this.#known.set(infoHash, bits)
    node.divert(infoHash, this.#doorOf(infoHash))
    if (node.swarm(infoHash) === undefined) this.#overlay.enter(infoHash, () => bits)
  }

  withdraw(infoHash: InfoHash): void {
    const { node } = this.#options
    if (!this.#known.delete(infoHash)) return
    node.divert(infoHash, undefined)
    if (node.swarm(infoHash) === undefined) this.#overlay.leave(infoHash)
  }

  /** Takes links for a swarm that sleeps: they wake it. */
  #doorOf(infoHash: InfoHash): LinkTaker {
    const addLink: LinkTaker['addLink'] = (link, who) => {
      const enter = async () => {
        const driver = await this.#options.wake(infoHash).catch(() => undefined)
        if (driver?.addLink(link, who)) return
        link.close()
        who.onClose?.()
      }
      void enter()
      return true
    }
    return { addLink, swarm: { room: 1 } }
  }

  #transport(): Transport {
    const { transport, isFull, wrap } = this.#options
    const whole = async <N extends Negotiation>(making: () => Promise<N>): Promise<N> => {
      if (isFull()) throw new Error('all connections are taken')
      const negotiation = await making()
      const opened = negotiation.opened.then(wrap)
      opened.catch(() => undefined) // whoever awaits it sees the rejection too
      return { ...negotiation, opened }
    }
    return {
      offer: () => whole(() => transport().offer()),
      answer: (sdp) => whole(() => transport().answer(sdp)),
    }
  }
}

function bitsOf(held: readonly ChunkSpan[], chunkCount: number): Uint8Array {
  const bits = new Uint8Array(bitfieldLength(chunkCount))
  for (const { first, after } of held) for (let chunk = first as number; chunk < after; chunk++) setBit(bits, chunk)
  return bits
}
