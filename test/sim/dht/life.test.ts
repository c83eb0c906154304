import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeDhtMessage } from '../../../mesh/dht/decode.ts'
import type { DhtInput } from '../../../mesh/dht/io.ts'
import { type DhtMessage, isDelta } from '../../../mesh/dht/messages.ts'
import type { ChunkIndex } from '../../../protocol/units.ts'
import { Harm } from './harm.ts'
import { Network } from './network.ts'
import { scenario } from './scenario.ts'
import { SimNode, swarmHash, type Told } from './sim-node.ts'

// What happens to a network and to one key in the course of time.

const SWARM = 0
const ALL = new Uint8Array(8).fill(0xff)
const JOIN_MS = 30_000

/** Counts what it hears. */
class HearingNode extends SimNode {
  readonly heard: DhtMessage[] = []

  override handle(input: DhtInput): void {
    if (input.kind === 'received') this.heard.push(decodeDhtMessage(input.bytes))
    super.handle(input)
  }

  count(isOne: (message: DhtMessage) => boolean): number {
    return this.heard.filter(isOne).length
  }
}

class World {
  readonly network: Network
  readonly nodes: HearingNode[] = []
  readonly told: Told[] = []
  #lastSearch = 0

  constructor(count: number) {
    const plan = scenario('steady')
    this.network = new Network(
      plan,
      (network) => {
        const node = new HearingNode(network, network.random, { place: network.place(), links: plan.links })
        this.nodes.push(node)
        return node
      },
      new Harm(),
    )
    this.network.listener = (effect) => this.told.push(effect)
    for (let i = 0; i < count; i++) this.network.queue.at((JOIN_MS * i) / count, () => this.network.join())
    this.run(2 * JOIN_MS)
  }

  run(ms: number): void {
    this.network.queue.runUntil(this.network.nowMs + ms)
  }

  provide(node: SimNode, bits: Uint8Array, swarm = SWARM): void {
    node.handle({ kind: 'provide', infoHash: swarmHash(swarm), region: 0, bits })
  }

  /** @returns the number of the search */
  find(node: SimNode, { swarm = SWARM, chunk = 0 } = {}): number {
    const search = ++this.#lastSearch
    node.handle({ kind: 'find', search, infoHash: swarmHash(swarm), chunk: chunk as ChunkIndex })
    return search
  }

  /** Share of nodes that find a provider in time. */
  share(nodes: readonly SimNode[], provider: SimNode, swarm = SWARM): number {
    const searches = new Set(nodes.filter((node) => node !== provider).map((node) => this.find(node, { swarm })))
    this.run(3_000)
    const found = this.found(provider).filter(({ search }) => searches.has(search))
    return new Set(found.map(({ search }) => search)).size / searches.size
  }

  found(provider: SimNode): Extract<Told, { kind: 'found' }>[] {
    return this.told.filter(
      (effect): effect is Extract<Told, { kind: 'found' }> =>
        effect.kind === 'found' && effect.providers.some(({ id }) => id === provider.dht.id),
    )
  }
}

test('a network that was cut in two grows together when visitors come again', (t) => {
  const world = new World(80)
  const { network } = world
  const isWest = ({ place }: SimNode) => place.x < 0.5
  network.cut(isWest)
  world.run(120_000)
  const [provider] = network.alive.filter(isWest)
  assert.ok(provider !== undefined)
  world.provide(provider, ALL)
  world.run(10_000)
  const east = network.alive.filter((node) => !isWest(node))
  assert.equal(world.share(east, provider), 0, 'nothing crosses the cut')
  assert.ok(world.share(network.alive.filter(isWest), provider) >= 0.95, 'each part goes on by itself')
  network.mend()
  for (let i = 0; i < 8; i++) network.queue.at(network.nowMs + 5_000 * i, () => network.join())
  world.run(120_000)
  world.provide(provider, ALL.slice(0, 4))
  world.run(90_000)
  const share = world.share(east, provider)
  t.diagnostic(`seed ${network.scenario.seed}: ${(100 * share).toFixed(0)} % of the other part find a provider again`)
  assert.ok(share >= 0.95)
})

test('a region that everybody asks for is answered for on the way, by ever more nodes', (t) => {
  const world = new World(150)
  const [provider] = world.nodes
  assert.ok(provider !== undefined)
  world.provide(provider, ALL)
  world.run(10_000)
  const holders = () => world.nodes.filter(({ dht }) => dht.records > 0).length
  const before = holders()
  for (const node of world.nodes) node.heard.length = 0
  for (let round = 0; round < 3; round++) for (const node of world.nodes) if (node !== provider) world.find(node)
  world.run(5_000)
  const asked = world.nodes.map((node) => node.count(isSearch))
  const [most, searches] = [Math.max(...asked), 3 * (world.nodes.length - 1)]
  t.diagnostic(
    `${searches} searches: ${before} nodes with records, then ${holders()}; the busiest was asked ${most} times`,
  )
  assert.ok(holders() > 1.2 * before)
  assert.ok(most <= searches / 3)
  assert.equal(new Set(world.found(provider).map(({ search }) => search)).size, searches)
})

test('what a provider has got since is announced as what is new, and found', (t) => {
  const world = new World(80)
  const [provider, seeker] = world.nodes
  assert.ok(provider !== undefined && seeker !== undefined)
  world.provide(provider, Uint8Array.of(0xff))
  world.run(10_000)
  for (const node of world.nodes) node.heard.length = 0
  world.provide(provider, Uint8Array.of(0xff, 0xff, 0xff, 0x80))
  world.run(90_000)
  const deltas = world.nodes.reduce((sum, node) => sum + node.count(isDeltaMessage), 0)
  const whole = world.nodes.reduce((sum, node) => sum + node.count(isWholeRecord), 0)
  t.diagnostic(`${deltas} messages with what is new, ${whole} with the whole record`)
  assert.ok(deltas > 0)
  const search = world.find(seeker, { chunk: 24 })
  world.run(3_000)
  const found = world.found(provider).filter((effect) => effect.search === search)
  const bits = found.at(-1)?.providers.find(({ id }) => id === provider.dht.id)?.bits
  assert.deepEqual(bits, Uint8Array.of(0xff, 0xff, 0xff, 0x80))
})

function isSearch(message: DhtMessage): boolean {
  return message.kind === 'query' && message.query.method === 'find_providers'
}

function isDeltaMessage(message: DhtMessage): boolean {
  return message.kind === 'query' && message.query.method === 'add_provider' && isDelta(message.query.news)
}

function isWholeRecord(message: DhtMessage): boolean {
  return message.kind === 'query' && message.query.method === 'add_provider' && !isDelta(message.query.news)
}
