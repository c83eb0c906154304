import { toHex } from '../../protocol/hex.ts'
import type { Sha256Sync } from '../../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import type { PeerId } from '../../protocol/wire/handshake.ts'
import type { Clock } from '../clock.ts'
import { bytesOfText, type Id, joined } from '../dht/id.ts'
import type { DhtEffect, DhtInput } from '../dht/io.ts'
import { LINKS } from '../dht/keeper.ts'
import type { Extension } from '../extension.ts'
import type { AddressBook } from '../platform.ts'
import { SwarmDriver } from '../swarm-driver.ts'
import type { Transport } from '../transport.ts'
import { Addresses } from './addresses.ts'
import { DhtDriver } from './dht-driver.ts'
import { Dialler, type LinkTaker } from './dialler.ts'
import type { Identity, VerifySignature } from './identity.ts'
import { Lines } from './lines.ts'
import { Lookup } from './lookup.ts'
import { Provisions } from './provisions.ts'

export interface OverlayOptions {
  readonly clock: Clock
  /** Milliseconds since 1970 at the moment when the clock was 0. */
  readonly epochMs: number
  readonly randomBytes: (length: number) => Uint8Array
  readonly sha256: Sha256Sync
  readonly identity: Identity
  readonly verify: VerifySignature
  readonly transport: Transport
  /** Networks of different names do not meet by a tracker. */
  readonly network?: string
  /** Links that are wanted. */
  readonly links?: number
  readonly addresses: AddressBook
}

/** What the overlay needs of the swarms. */
export interface OverlaySwarms {
  readonly peerId: PeerId
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly swarmOf: (infoHash: InfoHash) => LinkTaker | undefined
  /** There are no links, or too few for too long; or addresses have come to mind. */
  readonly onLonely: () => void
  /** There is one link more. */
  readonly onLinked: (links: number) => void
}

/** Links of the DHT's own swarm beyond those that are wanted: newcomers are let in, and then others are given up. */
const SPARE_LINKS = 12
/** Lookups that can be gone on with. */
const MAX_LOOKUPS = 64
const SWARM_CONTEXT = bytesOfText('tributary dht swarm')

/** The network above the swarms: who has which chunk, and links with whoever is far away in it. */
export class Overlay {
  /** The swarm of links that only the DHT wants. It has no chunks. */
  readonly infoHash: InfoHash
  readonly swarm: SwarmDriver
  readonly addresses: Addresses
  readonly #driver: DhtDriver
  readonly #lines: Lines
  readonly #dialler: Dialler
  readonly #provisions: Provisions
  readonly #swarms: OverlaySwarms
  readonly #lookups = new Map<number, Lookup>()
  readonly #connects = new Map<number, (isOpen: boolean) => void>()
  #lastRequest = 0

  constructor(options: OverlayOptions, swarms: OverlaySwarms) {
    const { clock, sha256, transport, network = '' } = options
    this.#swarms = swarms
    this.infoHash = ownSwarm(network, sha256)
    const handle = (input: DhtInput) => this.#driver.handle(input)
    this.#lines = new Lines({
      ownSwarm: this.infoHash,
      sha256,
      handle,
      dialOf: ({ link }) => this.#dialler.takeDial(link),
    })
    this.addresses = new Addresses(options.addresses, () => this.links.length === 0 && swarms.onLonely())
    this.swarm = this.#openSwarm(options)
    this.#dialler = new Dialler({
      transport,
      handle,
      swarmOf: (infoHash) => (infoHash === undefined ? this.swarm : swarms.swarmOf(infoHash)),
    })
    this.#provisions = new Provisions({ clock, handle })
    this.#driver = new DhtDriver({ ...options, perform: (effect) => this.#perform(effect) })
  }

  get id(): Id {
    return this.#driver.id
  }

  /** Nodes that we are linked with. */
  get links(): Id[] {
    return this.#driver.links
  }

  /** What the links of a swarm are to speak. */
  extensionsFor(infoHash: InfoHash): Extension[] {
    return [this.#lines.extensionFor(infoHash), this.addresses]
  }

  /** We are in a swarm. @param bits chunks that we serve in it, in wire order; a view that changes */
  enter(infoHash: InfoHash, bits: () => Uint8Array): void {
    this.#provisions.add(infoHash, bits)
  }

  /** We serve other chunks of a swarm than before. */
  changed(infoHash: InfoHash): void {
    this.#provisions.changed(infoHash)
  }

  leave(infoHash: InfoHash): void {
    this.#provisions.remove(infoHash)
  }

  /** Nodes that we are linked with in a swarm. */
  membersOf(infoHash: InfoHash): Id[] {
    return this.#lines.membersOf(infoHash)
  }

  /** Looks for clients that hold a chunk, or any of the first region. @param avoid those that are known already */
  lookup(infoHash: InfoHash, chunk?: ChunkIndex, avoid: readonly Id[] = []): Lookup {
    const search = ++this.#lastRequest
    const lookup = new Lookup(chunk, {
      useless: (provider) => this.#driver.handle({ kind: 'useless', search, provider }),
      stop: () => {
        this.#lookups.delete(search)
        this.#driver.handle({ kind: 'stopFinding', search })
      },
    })
    this.#lookups.set(search, lookup)
    const [oldest] = this.#lookups.values()
    if (this.#lookups.size > MAX_LOOKUPS) void oldest?.return()
    this.#driver.handle({ kind: 'find', search, infoHash, chunk: chunk ?? (0 as ChunkIndex), avoid })
    return lookup
  }

  /** Makes a link with a node in a swarm. @returns whether there is one */
  connect(node: Id, infoHash: InfoHash): Promise<boolean> {
    if (this.membersOf(infoHash).includes(node)) return Promise.resolve(true)
    const request = ++this.#lastRequest
    return new Promise((resolve) => {
      this.#connects.set(request, resolve)
      this.#driver.handle({ kind: 'connect', request, node, infoHash })
    })
  }

  close(): void {
    this.#driver.close()
    this.#dialler.close()
    this.#provisions.close()
    this.swarm.close()
    for (const lookup of this.#lookups.values()) lookup.searched()
    for (const resolve of this.#connects.values()) resolve(false)
  }

  #openSwarm({ clock, links = LINKS }: OverlayOptions): SwarmDriver {
    const { peerId, random } = this.#swarms
    return new SwarmDriver({
      infoHash: this.infoHash,
      peerId,
      chunkCount: 0,
      chunkSize: 0,
      lengthOf: () => 0,
      random,
      maxPeers: links + SPARE_LINKS,
      clock,
      read: async () => undefined,
      verify: async () => false,
      onStatus: () => undefined,
      extensions: this.extensionsFor(this.infoHash),
    })
  }

  #perform(effect: Exclude<DhtEffect, { kind: 'sign' | 'verify' }>): void {
    switch (effect.kind) {
      case 'send':
        this.#lines.send(effect.link, effect.bytes)
        return
      case 'releaseLink':
        this.#lines.release(effect.link)
        return
      case 'proven':
        this.#lines.proven(effect.link, effect.id)
        this.#provisions.linked(this.links.length)
        this.#swarms.onLinked(this.links.length)
        return
      case 'makeOffer':
        void this.#dialler.makeOffer(effect.dial)
        return
      case 'makeAnswer':
        void this.#dialler.makeAnswer(effect)
        return
      case 'accept':
        this.#dialler.accept(effect)
        return
      case 'abandon':
        this.#dialler.abandon(effect.dial)
        return
      case 'found':
        this.#lookups.get(effect.search)?.found(effect.providers)
        return
      case 'searched':
        this.#lookups.get(effect.search)?.searched()
        return
      case 'connected':
        this.#connects.get(effect.request)?.(effect.dial !== undefined)
        this.#connects.delete(effect.request)
        return
      case 'lonely':
        this.#swarms.onLonely()
        return
    }
  }
}

function ownSwarm(network: string, sha256: Sha256Sync): InfoHash {
  const name = bytesOfText(encodeURIComponent(network))
  return toHex(sha256(joined([SWARM_CONTEXT, name])).subarray(0, 20)) as InfoHash
}
