import type { Id } from '../../../mesh/dht/id.ts'
import type { Provider } from '../../../mesh/dht/io.ts'
import { HostileNode } from './hostile-node.ts'
import type { SimLink, SimNode } from './sim-node.ts'

/** What hostile nodes have done to honest ones. */
export interface Damage {
  /** Links between honest nodes that one of them gave up for what its other end said. */
  readonly framed: number
  /** Providers told of that never said what they are said to have. */
  readonly forged: number
  /** Links of honest nodes whose other end is somebody else. */
  readonly impostors: number
  /** Of the honest node that had most. */
  readonly mostMessagesPerMin: number
  readonly mostRecords: number
  readonly mostLinks: number
  /** Hostile nodes' links that honest ones gave up for what was said on them. */
  readonly caught: number
}

/** Reasons for which honest nodes part. */
const PEACEFUL = new Set(['bye', 'not needed', 'linked twice'])

/** Watches what becomes of honest nodes among hostile ones. */
export class Harm {
  #framed = 0
  #forged = 0
  #caught = 0
  #mostRecords = 0
  #mostLinks = 0
  #mostMessagesPerMin = 0
  /** What each honest node provides, all of it or nothing. */
  readonly #provided = new Map<Id, { readonly swarm: number; readonly bits: Uint8Array } | undefined>()
  #sent = new Map<SimNode, number>()

  joined(node: SimNode): void {
    if (!(node instanceof HostileNode)) this.#provided.set(node.dht.id, undefined)
  }

  provides(node: SimNode, bits: Uint8Array): void {
    this.#provided.set(node.dht.id, { swarm: node.swarm, bits })
  }

  released(node: SimNode, link: SimLink, reason: string): void {
    if (node instanceof HostileNode || PEACEFUL.has(reason)) return
    if (link.to instanceof HostileNode) this.#caught++
    else this.#framed++
  }

  found(swarm: number, providers: readonly Provider[]): void {
    for (const { id, bits } of providers) {
      if (!this.#provided.has(id)) continue
      const truth = this.#provided.get(id)
      if (truth === undefined || truth.swarm !== swarm || Buffer.compare(truth.bits, bits) !== 0) this.#forged++
    }
  }

  /** To be called every minute. */
  sample(honest: readonly SimNode[]): void {
    const sent = new Map<SimNode, number>()
    for (const node of honest) {
      sent.set(node, node.sent)
      const before = this.#sent.get(node)
      if (before !== undefined) this.#mostMessagesPerMin = Math.max(this.#mostMessagesPerMin, node.sent - before)
      this.#mostRecords = Math.max(this.#mostRecords, node.dht.records)
      this.#mostLinks = Math.max(this.#mostLinks, node.links.size)
    }
    this.#sent = sent
  }

  damage(honest: readonly SimNode[]): Damage {
    return {
      framed: this.#framed,
      forged: this.#forged,
      caught: this.#caught,
      impostors: honest.reduce((sum, node) => sum + impostorsAt(node), 0),
      mostMessagesPerMin: this.#mostMessagesPerMin,
      mostRecords: this.#mostRecords,
      mostLinks: this.#mostLinks,
    }
  }
}

function impostorsAt(node: SimNode): number {
  const there = new Set([...node.links.values()].map(({ to }) => to.dht.id))
  return node.dht.links.filter((id) => !there.has(id)).length
}
