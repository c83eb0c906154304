import type { InfoHash } from '../../protocol/units.ts'
import type { DhtEffect, DhtInput, DialId } from '../dht/io.ts'
import type { NewLink } from '../swarm-driver.ts'
import type { Link, Negotiation, Offer, Transport } from '../transport.ts'

type MakeAnswer = Extract<DhtEffect, { kind: 'makeAnswer' }>
type Accept = Extract<DhtEffect, { kind: 'accept' }>

/** A swarm, as far as links go. */
export interface LinkTaker {
  /** @returns whether it is kept */
  addLink(link: Link, who: Pick<NewLink, 'initiator' | 'onClose'>): boolean
  readonly swarm: { readonly room: number }
}

export interface DiallerOptions {
  readonly transport: Transport
  /** Whose links these are; undefined names the DHT itself. Undefined is answered for a swarm that we are not in. */
  readonly swarmOf: (infoHash: InfoHash | undefined) => LinkTaker | undefined
  readonly handle: (input: DhtInput) => void
}

/** Makes the connections whose descriptions travel through the mesh. */
export class Dialler {
  readonly #options: DiallerOptions
  readonly #offers = new Map<DialId, Offer>()
  readonly #connecting = new Map<DialId, Negotiation>()
  /** Open links that have not said yet that they speak for the DHT. */
  readonly #opening = new Map<Link, DialId>()
  readonly #abandoned = new Set<DialId>()
  #describing = 0
  #closed = false

  constructor(options: DiallerOptions) {
    this.#options = options
  }

  /** The dial that a link came of; to be asked once. */
  takeDial(link: Link): DialId | undefined {
    const dial = this.#opening.get(link)
    this.#opening.delete(link)
    return dial
  }

  async makeOffer(dial: DialId): Promise<void> {
    const offer = await this.#described(dial, this.#options.transport.offer())
    if (offer === undefined) return
    this.#offers.set(dial, offer)
    this.#options.handle({ kind: 'described', dial, description: offer.sdp })
  }

  async makeAnswer({ dial, offer, infoHash }: MakeAnswer): Promise<void> {
    const { transport, swarmOf, handle } = this.#options
    if ((swarmOf(infoHash)?.swarm.room ?? 0) === 0) {
      handle({ kind: 'described', dial, description: undefined })
      return
    }
    const negotiation = await this.#described(dial, transport.answer(offer))
    if (negotiation === undefined) return
    handle({ kind: 'described', dial, description: negotiation.sdp })
    void this.#connect(dial, negotiation, { infoHash, initiator: false })
  }

  accept({ dial, answer, infoHash }: Accept): void {
    const offer = this.#offers.get(dial)
    this.#offers.delete(dial)
    if (offer === undefined) return
    offer.accept(answer)
    void this.#connect(dial, offer, { infoHash, initiator: true })
  }

  abandon(dial: DialId): void {
    if (this.#describing > 0) this.#abandoned.add(dial)
    this.#offers.get(dial)?.abandon()
    this.#offers.delete(dial)
    this.#connecting.get(dial)?.abandon()
    this.#connecting.delete(dial)
    for (const [link, other] of this.#opening) if (other === dial) this.#opening.delete(link)
  }

  close(): void {
    this.#closed = true
    for (const negotiation of [...this.#offers.values(), ...this.#connecting.values()]) negotiation.abandon()
    this.#offers.clear()
    this.#connecting.clear()
    this.#opening.clear()
  }

  /** A link that never spoke for the DHT. */
  #closedEarly(link: Link): void {
    const dial = this.takeDial(link)
    if (dial !== undefined && !this.#closed) this.#options.handle({ kind: 'dialFailed', dial })
  }

  /** @returns undefined when there is none, or nobody wants it any more */
  async #described<N extends Negotiation>(dial: DialId, making: Promise<N>): Promise<N | undefined> {
    this.#describing++
    const negotiation = await making.catch(() => undefined)
    negotiation?.opened.catch(() => undefined) // seen by whoever connects
    const isAbandoned = this.#abandoned.delete(dial)
    if (--this.#describing === 0) this.#abandoned.clear()
    if (negotiation !== undefined && !isAbandoned && !this.#closed) return negotiation
    negotiation?.abandon()
    if (!isAbandoned) this.#options.handle({ kind: 'described', dial, description: undefined })
    return undefined
  }

  async #connect(
    dial: DialId,
    negotiation: Negotiation,
    { infoHash, initiator }: { infoHash: InfoHash | undefined; initiator: boolean },
  ): Promise<void> {
    this.#connecting.set(dial, negotiation)
    const link = await negotiation.opened.catch(() => undefined)
    const isWanted = this.#connecting.delete(dial)
    const swarm = isWanted ? this.#options.swarmOf(infoHash) : undefined
    if (link !== undefined && swarm !== undefined) {
      this.#opening.set(link, dial)
      if (swarm.addLink(link, { initiator, onClose: () => this.#closedEarly(link) })) return
      this.#opening.delete(link)
    } else link?.close()
    if (!this.#closed) this.#options.handle({ kind: 'dialFailed', dial })
  }
}
