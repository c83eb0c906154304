import type { Link, Negotiation, Offer, Transport } from '../../mesh/transport.ts'
import { canConnect, type Line, wayMs } from './line.ts'
import { SimLink, type Tap } from './link.ts'
import type { VirtualTime } from './time.ts'

/** Until a description with all candidates is there. */
const GATHER_MS = 100
/** ICE checks, DTLS and SCTP take so many ways between the two, and some time to compute. */
const HANDSHAKE_WAYS = 8
const COMPUTE_MS = 30

/** One visitor's way to connect to others. */
export interface Plug {
  readonly line: Line
  /** Between what this visitor sends and the network. */
  readonly tap: Tap | undefined
}

interface Side {
  readonly plug: Plug
  readonly negotiation: Negotiation
  readonly open: (link: Link) => void
  isOver: boolean
}

/** Makes connections between visitors. Descriptions are names that mean something to it alone. */
export class Exchange {
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #offers = new Map<string, Side>()
  readonly #answers = new Map<string, Side>()
  readonly links: SimLink[] = []
  #last = 0

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time
    this.#random = random
  }

  transportOf(plug: Plug): Transport {
    return {
      offer: async () => {
        const sdp = `offer ${++this.#last}`
        await this.#pause(GATHER_MS)
        const side = this.#side(plug, sdp)
        this.#offers.set(sdp, side)
        const accept = (answerSdp: string) => this.#meet(side, this.#answers.get(answerSdp))
        return { ...side.negotiation, accept } satisfies Offer
      },
      answer: async (offerSdp) => {
        const sdp = `answer to ${offerSdp} ${++this.#last}`
        await this.#pause(GATHER_MS)
        const side = this.#side(plug, sdp)
        this.#answers.set(sdp, side)
        return side.negotiation
      },
    }
  }

  #side(plug: Plug, sdp: string): Side {
    let open: (link: Link) => void = () => undefined
    let fail: (error: Error) => void = () => undefined
    const opened = new Promise<Link>((resolve, reject) => {
      open = resolve
      fail = reject
    })
    opened.catch(() => undefined)
    const abandon = () => {
      side.isOver = true
      this.#offers.delete(sdp)
      this.#answers.delete(sdp)
      fail(new Error('abandoned'))
    }
    const side: Side = { plug, negotiation: { sdp, opened, abandon }, open, isOver: false }
    return side
  }

  #meet(from: Side, to: Side | undefined): void {
    if (!to || from.isOver || to.isOver || !canConnect(from.plug.line, to.plug.line)) return
    const ms = COMPUTE_MS + HANDSHAKE_WAYS * wayMs(from.plug.line, to.plug.line.options)
    this.#time.after(ms, () => {
      if (from.isOver || to.isOver) return
      const [here, there] = [this.#link(from.plug), this.#link(to.plug)]
      SimLink.pair(here, there)
      for (const side of [from, to]) {
        this.#offers.delete(side.negotiation.sdp)
        this.#answers.delete(side.negotiation.sdp)
      }
      from.open(here)
      to.open(there)
    })
  }

  #link({ line, tap }: Plug): SimLink {
    const link = new SimLink({ time: this.#time, line, random: this.#random, tap })
    this.links.push(link)
    return link
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, () => resolve()))
  }
}
