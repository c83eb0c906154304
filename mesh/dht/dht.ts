import { ProtocolViolation } from '../../protocol/errors.ts'
import type { InfoHash } from '../../protocol/units.ts'
import type { LinkId } from '../peer.ts'
import { Allowance } from './allowance.ts'
import { Announcer } from './announcer.ts'
import { Core } from './core.ts'
import { decodeDhtMessage } from './decode.ts'
import { Dials } from './dials.ts'
import { type Door, Doors } from './doors.ts'
import { ID_BITS, type Id, pointOf, REGION_CHUNKS, regionKey } from './id.ts'
import type { DhtEffect, DhtInput, DhtOptions } from './io.ts'
import { Keeper } from './keeper.ts'
import { COPIES_SENT, SENT } from './limits.ts'
import { type DhtMessage, type DirectQuery, FAILURE, isRouted, MAX_LINKS_NAMED, type Query } from './messages.ts'
import { Paths } from './paths.ts'
import { type Origin, Post } from './post.ts'
import { Registry } from './registry.ts'
import { Router } from './router.ts'
import { Searches } from './searches.ts'
import { SeenSearches } from './seen.ts'
import { RoutingTable } from './table.ts'

type FromLink = Extract<Origin, { kind: 'link' }>

/** Neighbours are told of new and lost links together. */
const TELL_MS = 3_000
const SWEEP_MS = 60_000

/** One node of the DHT. Pure: `handle` takes an input and the time and returns what is to be done. */
export class Dht {
  readonly #core: Core
  readonly #table: RoutingTable
  readonly #doors: Doors
  readonly #post: Post
  readonly #paths: Paths
  readonly #registry: Registry
  readonly #searches: Searches
  readonly #announcer: Announcer
  readonly #dials: Dials
  readonly #keeper: Keeper
  readonly #router: Router
  #tellMs = Number.POSITIVE_INFINITY
  #sweepMs: number

  constructor(options: DhtOptions) {
    const core = new Core(options)
    const seen = new SeenSearches(options.nowMs)
    this.#core = core
    this.#table = new RoutingTable(this.#core.id)
    this.#post = new Post(this.#core, this.#table, {
      passedBack: (query, reply, from) => this.#registry.onPassedBack(query, reply, from),
      deadEnd: (query, origin) => this.#router.onDeadEnd(query, origin),
    })
    this.#doors = new Doors(this.#core, this.#post, {
      proven: (link, id) => this.#onProven(link, id),
      gone: (link) => this.#onGone(link),
    })
    this.#paths = new Paths(core, this.#post, seen)
    this.#registry = new Registry(this.#core, this.#post, this.#table)
    this.#searches = new Searches(core, this.#table, this.#paths, this.#registry)
    this.#announcer = new Announcer(this.#core, this.#paths, this.#registry)
    this.#dials = new Dials(this.#core, this.#post, this.#paths)
    this.#keeper = new Keeper(this.#core, this.#table, this.#dials, this.#paths)
    this.#router = new Router({
      core,
      table: this.#table,
      post: this.#post,
      registry: this.#registry,
      dials: this.#dials,
      keeper: this.#keeper,
      seen,
    })
    this.#sweepMs = options.nowMs + SWEEP_MS
  }

  get id(): Id {
    return this.#core.id
  }

  /** Ids at the other ends of proven links. */
  get links(): Id[] {
    return [...this.#table.contacts].map(({ id }) => id)
  }

  /** Nodes that there seem to be. */
  get population(): number {
    return this.#table.population
  }

  /** Records of others that are held. */
  get records(): number {
    return this.#registry.size
  }

  /** `tick` is due at this time; to be read anew after every `handle`. */
  get wakeMs(): number {
    const parts = [this.#post, this.#paths, this.#announcer, this.#dials, this.#keeper, this.#doors]
    return parts.reduce((wakeMs, part) => Math.min(wakeMs, part.wakeMs), Math.min(this.#tellMs, this.#sweepMs))
  }

  /** @returns what is to be done, in this order */
  handle(input: DhtInput, nowMs: number): DhtEffect[] {
    this.#core.nowMs = nowMs
    this.#step(input)
    return this.#core.takeEffects()
  }

  #step(input: DhtInput): void {
    switch (input.kind) {
      case 'linkOpened':
        this.#onOpened(input)
        return
      case 'received':
        this.#onReceived(input.link, input.bytes)
        return
      case 'linkClosed':
        this.#doors.forget(input.link)
        return
      case 'signed':
        this.#core.signed(input.job, input.signature)
        return
      case 'verified':
        this.#core.verified(input.job, input.good)
        return
      case 'described':
        this.#dials.described(input.dial, input.description)
        return
      case 'dialFailed':
        this.#dials.failed(input.dial)
        return
      case 'find':
        this.#find(input)
        return
      case 'useless':
        this.#searches.useless(input.search, input.provider)
        return
      case 'stopFinding':
        this.#searches.stop(input.search)
        return
      case 'provide':
        this.#announcer.provide(this.#key(input.infoHash, input.region), input.bits)
        return
      case 'connect':
        this.#connect(input)
        return
      case 'tick':
        this.#tick()
        return
    }
  }

  // What the outside wants

  #find({ search, infoHash, chunk, avoid = [] }: Extract<DhtInput, { kind: 'find' }>): void {
    const key = this.#key(infoHash, Math.floor(chunk / REGION_CHUNKS))
    // By the time that somebody is found, there is something to offer.
    this.#dials.prepare()
    this.#searches.start(search, { key, chunk: chunk % REGION_CHUNKS, avoid })
  }

  #connect({ request, node, infoHash }: Extract<DhtInput, { kind: 'connect' }>): void {
    this.#dials.dial({ target: node, match: ID_BITS, infoHash }, (opened) => {
      this.#core.emit({ kind: 'connected', request, dial: opened?.dial })
    })
  }

  #key(infoHash: InfoHash, region: number): Id {
    return regionKey(infoHash, region, this.#core.options.sha256)
  }

  #tick(): void {
    const { nowMs } = this.#core
    this.#post.tick()
    this.#paths.tick()
    this.#dials.tick()
    this.#announcer.tick()
    this.#doors.tick()
    const surplus = this.#keeper.tick()
    if (surplus !== undefined) {
      this.#post.tell([surplus.link], { method: 'bye' })
      this.#doors.release(surplus.link, 'not needed')
    }
    if (nowMs >= this.#tellMs) {
      this.#tellMs = Number.POSITIVE_INFINITY
      this.#tellLinksTo([...this.#table.contacts].map(({ link }) => link))
    }
    if (nowMs >= this.#sweepMs) {
      this.#sweepMs = nowMs + SWEEP_MS
      this.#registry.sweep()
    }
  }

  // Links

  #onOpened({ link, channelBinding, dial }: Extract<DhtInput, { kind: 'linkOpened' }>): void {
    this.#doors.open(link, channelBinding, dial === undefined ? undefined : this.#dials.opened(dial))
  }

  #onProven(link: LinkId, id: Id): void {
    this.#core.emit({ kind: 'proven', link, id })
    const other = this.#table.of(id)
    if (other !== undefined) {
      // Two nodes that dial each other at once: both give up the same link.
      const twin = this.#doors.yields(link, other.link) ? link : other.link
      this.#doors.release(twin, 'linked twice')
      if (twin === link) return
    }
    const openedMs = this.#core.nowMs
    this.#table.add({
      link,
      ...pointOf(id),
      openedMs,
      neighbours: [],
      population: undefined,
      sending: new Allowance(SENT, openedMs),
      copying: new Allowance(COPIES_SENT, openedMs),
      owed: 0,
      asked: 0,
      answered: 0,
    })
    this.#tellLinksTo([link])
    this.#onLinksChanged()
  }

  #onGone(link: LinkId): void {
    const contact = this.#table.remove(link)
    this.#post.onLinkClosed(link, FAILURE.noWay)
    this.#registry.onLinkClosed(link)
    if (contact !== undefined) this.#onLinksChanged()
  }

  #onLinksChanged(): void {
    this.#tellMs = Math.min(this.#tellMs, this.#core.nowMs + TELL_MS)
    this.#keeper.onChange()
  }

  #tellLinksTo(links: readonly LinkId[]): void {
    const ids = this.links.slice(-MAX_LINKS_NAMED)
    this.#post.tell(links, { method: 'links', ids, population: this.#table.ownPopulation })
  }

  #onLinks(link: LinkId, { ids, population }: Extract<DirectQuery, { method: 'links' }>): void {
    const others = ids.filter((id) => id !== this.#core.id)
    this.#table.heard(link, others.map(pointOf), population)
  }

  // Messages

  #onReceived(link: LinkId, bytes: Uint8Array): void {
    const door = this.#doors.at(link)
    if (door === undefined) return
    try {
      const isExpected = this.#onMessage(door, decodeDhtMessage(bytes))
      if (!isExpected && !door.borne.take(1, this.#core.nowMs)) throw new ProtocolViolation('too many messages')
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.#doors.castOut(door, error.message)
    }
  }

  /** @returns whether we asked for it */
  #onMessage(door: Door, message: DhtMessage): boolean {
    const { link } = door
    const origin = { kind: 'link', link, tx: message.tx } as const
    if (message.kind === 'query' && message.query.method === 'hello') this.#doors.onHello(door, message.query)
    else if (door.state !== 'proven') return false
    else if (message.kind === 'reply') return this.#post.onReply(link, message.tx, message.reply)
    else if (message.kind === 'failure') return this.#post.onFailure(link, message.tx, message)
    else if (message.kind === 'unknown') this.#post.fail(origin, FAILURE.unknownMethod, 0)
    else if (!this.#doors.admits(door, message.query)) this.#post.fail(origin, FAILURE.busy, 0)
    else this.#onQuery(message.query, origin)
    return false
  }

  #onQuery(query: Query, origin: FromLink): void {
    if (isRouted(query)) {
      this.#router.onQuery(query, origin)
      return
    }
    switch (query.method) {
      case 'hello':
        return
      case 'links':
        this.#onLinks(origin.link, query)
        return
      case 'copy_provider':
        this.#registry.onCopy(query, origin.link)
        return
      case 'bye':
        this.#doors.release(origin.link, 'bye')
        return
      case 'ping':
        this.#post.reply(origin, { hops: 0 })
        return
    }
  }
}
