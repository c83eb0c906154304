import type { DhtEffect, DialId } from '../../../mesh/dht/io.ts'
import { EventQueue } from './event-queue.ts'
import type { Harm } from './harm.ts'
import { Latency } from './latency.ts'
import { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { describedDial, type SimLink, type SimNode, type Told, type World } from './sim-node.ts'

/** Nodes that a tracker names to who asks. */
const BOOTSTRAP = 2
/** Who has so many links meanwhile needs no tracker. */
const ENOUGH_LINKS = 4
const TRACKER_MS = 120

/** Nodes, their links, and how long everything takes. */
export class Network implements World {
  readonly queue = new EventQueue()
  readonly random: Random
  readonly scenario: Scenario
  readonly alive: SimNode[] = []
  /** Hears what nodes find. */
  listener: (effect: Told) => void = () => undefined
  readonly #latency: Latency
  readonly #nodes: SimNode[] = []
  readonly #numbers = new Map<SimNode, number>()
  readonly #make: (network: Network) => SimNode
  readonly #padding: string
  readonly #harm: Harm
  /** While the network is cut in two. */
  #isHere: ((node: SimNode) => boolean) | undefined

  constructor(scenario: Scenario, make: (network: Network) => SimNode, harm: Harm) {
    this.#harm = harm
    this.scenario = scenario
    this.random = new Random(scenario.seed)
    this.#latency = new Latency(this.random, scenario.medianRttMs)
    this.#make = make
    this.#padding = ` ${'x'.repeat(scenario.descriptionLength)}`
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  after(ms: number, run: () => void): void {
    this.queue.after(ms, run)
  }

  place(): ReturnType<Latency['place']> {
    return this.#latency.place()
  }

  rttMs(a: SimNode, b: SimNode): number {
    return this.#latency.rttMs(a.place, b.place)
  }

  join(): SimNode {
    const node = this.add()
    node.handle({ kind: 'tick' })
    return node
  }

  /** A node that does nothing before somebody is linked with it. */
  add(): SimNode {
    const node = this.#make(this)
    this.#numbers.set(node, this.#nodes.length)
    this.#nodes.push(node)
    this.alive.push(node)
    return node
  }

  /** A tab is closed: its peers notice at once, or not before their connections time out. */
  leave(node: SimNode): void {
    node.isAlive = false
    const at = this.alive.indexOf(node)
    const last = this.alive.pop()
    if (last !== undefined && last !== node) this.alive[at] = last
    const number = this.#numbers.get(node)
    this.#numbers.delete(node)
    const { silentLeaves, timeoutS } = this.scenario
    const [least, most] = timeoutS
    const isSilent = this.random.next() < silentLeaves
    for (const link of node.links.values()) {
      const ms = isSilent ? 1000 * (least + (most - least) * this.random.next()) : this.#oneWayMs(node, link.to)
      this.after(ms, () => this.#closed(link))
    }
    node.links.clear()
    if (number !== undefined) delete this.#nodes[number]
  }

  /** Cuts the network in two: nothing goes from one part to the other, and links between them time out. */
  cut(isHere: (node: SimNode) => boolean): void {
    this.#isHere = isHere
    const [least, most] = this.scenario.timeoutS
    for (const node of this.alive)
      for (const link of node.links.values())
        if (this.#areApart(node, link.to))
          this.after(1000 * (least + (most - least) * this.random.next()), () => {
            if (node.links.delete(link.id)) node.handle({ kind: 'linkClosed', link: link.id })
          })
  }

  mend(): void {
    this.#isHere = undefined
  }

  #areApart(a: SimNode, b: SimNode): boolean {
    return this.#isHere !== undefined && this.#isHere(a) !== this.#isHere(b)
  }

  carry(from: SimNode, link: SimLink, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#areApart(from, link.to)) return
    const { processingMs } = this.scenario
    const arrivalMs = this.nowMs + this.#oneWayMs(from, link.to) + processingMs
    link.lastArrivalMs = Math.max(arrivalMs, link.lastArrivalMs)
    this.queue.at(link.lastArrivalMs, () => {
      if (link.to.links.has(link.otherId)) link.to.handle({ kind: 'received', link: link.otherId, bytes })
    })
  }

  describe(node: SimNode, effect: Extract<DhtEffect, { kind: 'makeOffer' | 'makeAnswer' }>): void {
    const { dial } = effect
    const description = `sdp ${this.#numbers.get(node)} ${dial}${this.#padding}`
    this.after(this.scenario.gatherMs, () => node.handle({ kind: 'described', dial, description }))
  }

  accept(node: SimNode, { dial, answer }: Extract<DhtEffect, { kind: 'accept' }>): void {
    const other = describedDial(answer)
    const peer = this.#nodes[other.node]
    const fails = peer === undefined || this.random.next() < this.scenario.dialFailures
    const ms = peer === undefined ? 0 : this.scenario.handshakeRtts * this.rttMs(node, peer)
    this.after(ms, () => {
      if (!fails && peer.isAlive && node.isAlive && !this.#areApart(node, peer))
        this.connect(node, peer, { dial, peerDial: other.dial })
      else {
        node.handle({ kind: 'dialFailed', dial })
        peer?.handle({ kind: 'dialFailed', dial: other.dial })
      }
    })
  }

  bootstrap(node: SimNode): void {
    this.after(TRACKER_MS, () => {
      if (node.links.size >= ENOUGH_LINKS) return
      for (let i = 0; i < BOOTSTRAP; i++) {
        const peer = this.random.pick(this.alive)
        if (peer === node) continue
        this.after(this.scenario.handshakeRtts * this.rttMs(node, peer), () => {
          if (node.isAlive && peer.isAlive && !this.#areApart(node, peer)) this.connect(node, peer)
        })
      }
    })
  }

  connect(a: SimNode, b: SimNode, dials: { dial?: DialId; peerDial?: DialId } = {}): void {
    const [aId, bId] = [a.newLink(), b.newLink()]
    a.links.set(aId, { id: aId, to: b, otherId: bId, lastArrivalMs: 0 })
    b.links.set(bId, { id: bId, to: a, otherId: aId, lastArrivalMs: 0 })
    const channelBinding = this.random.bytes(32)
    const { dial, peerDial } = dials
    a.handle({ kind: 'linkOpened', link: aId, channelBinding, ...(dial !== undefined && { dial }) })
    b.handle({ kind: 'linkOpened', link: bId, channelBinding, ...(peerDial !== undefined && { dial: peerDial }) })
  }

  hangUp(node: SimNode, link: SimLink, reason: string): void {
    this.#harm.released(node, link, reason)
    node.links.delete(link.id)
    // What was sent before arrives before.
    const atMs = Math.max(link.lastArrivalMs, this.nowMs + this.#oneWayMs(node, link.to))
    this.queue.at(atMs, () => this.#closed(link))
  }

  onTold(effect: Told): void {
    this.listener(effect)
  }

  #closed(link: SimLink): void {
    if (link.to.links.delete(link.otherId)) link.to.handle({ kind: 'linkClosed', link: link.otherId })
  }

  #oneWayMs(a: SimNode, b: SimNode): number {
    return this.#latency.oneWayMs(a.place, b.place)
  }
}
