import { type ChunkSpan, chunkLength, type Placement } from '../protocol/geometry.ts'
import { toHex } from '../protocol/hex.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { newPeerId } from './client-id.ts'
import type { Clock } from './clock.ts'
import type { Extension } from './extension.ts'
import { fileOfChunk } from './file-of-chunk.ts'
import type { LinkTaker } from './overlay/dialler.ts'
import { Entrance } from './overlay/entrance.ts'
import { Overlay, type OverlayOptions } from './overlay/overlay.ts'
import { Seeker } from './overlay/seeker.ts'
import { Signalling, type SignallingPhase } from './signalling.ts'
import { type Digest, type ReadChunk, SwarmDriver, type VerifyChunk } from './swarm-driver.ts'
import { SwarmTrees, type TreeHashes } from './swarm-trees.ts'
import type { OfferId } from './tracker-messages.ts'
import { TrackerPool } from './tracker-pool.ts'
import type { OpenSocket, Transport } from './transport.ts'
import { UploadBudget } from './upload-budget.ts'

export interface MeshNodeOptions {
  readonly clock: Clock
  /** Fills an array with random bytes. */
  readonly randomBytes: (length: number) => Uint8Array
  readonly openSocket: OpenSocket
  readonly sharing: boolean
  /** Bytes per second over all swarms together; Infinity for no cap. */
  readonly uploadLimit: number
  /** Told of all that is uploaded, as it is. */
  readonly onUpload?: (bytes: number) => void
  readonly maxPeers?: number
  readonly uploadSlots?: number
}

/** All that is needed to take part in a swarm. */
export interface SwarmMembership {
  readonly infoHash: InfoHash
  readonly chunkCount: number
  /** In order of their chunks, without gaps. */
  readonly files: readonly Placement[]
  /** Absolute WebSocket URLs of trackers; empty means that only handed-in links count. */
  readonly announce: readonly string[]
  readonly transport: Transport
  /** What the store holds already. */
  readonly held: readonly ChunkSpan[]
  readonly read: ReadChunk
  readonly verify: VerifyChunk
  /** With these, blocks are proven one by one: several peers bring one chunk, and peers are given our hashes. */
  readonly proofs?: BlockProofs
  readonly onStatus: (status: MeshStatus) => void
  /** Gives the info dictionary to peers that know its hash alone. */
  readonly metadata?: Extension & { readonly size: number }
  /** Somebody waits for the first peer. */
  readonly isHurried?: boolean
  /** A peer of the swarm sent something wrong, and is not welcome any more. */
  readonly onBan?: () => void
}

/** What it takes to prove single blocks (BEP 52). */
export interface BlockProofs extends TreeHashes {
  /** For blocks, of which there are many: here the fastest hash counts, even if it answers later. */
  readonly digest: Digest
}

export interface MeshStatus {
  readonly phase: SignallingPhase
  readonly peers: number
  /** Wire order; a copy. */
  readonly available: Uint8Array<ArrayBuffer>
  /** Likewise: what peers are fetching from elsewhere, by their own word. */
  readonly loading: Uint8Array<ArrayBuffer>
  /** Peers that are known of and not connected yet, as far as there is room for them. */
  readonly expected: number
  readonly uploaded: number
}

interface Member {
  readonly driver: SwarmDriver
  readonly signalling: Signalling | undefined
}

/** A peer: all swarms that one page or process takes part in, under one peer id. */
export class MeshNode {
  readonly peerId: PeerId
  readonly #options: MeshNodeOptions
  readonly #pool: TrackerPool
  readonly #members = new Map<InfoHash, Member>()
  readonly #budget: UploadBudget
  #sharing: boolean
  #overlay: Overlay | undefined
  #seeker: Seeker | undefined
  #entrance: Entrance | undefined
  /** Who takes links in the place of swarms that are not joined. */
  readonly #strangers = new Map<InfoHash, LinkTaker>()
  #isClosed = false

  constructor(options: MeshNodeOptions) {
    this.#options = options
    this.#sharing = options.sharing
    this.#budget = new UploadBudget({
      limit: options.uploadLimit,
      nowMs: options.clock.now(),
      ...(options.onUpload && { onUpload: options.onUpload }),
    })
    this.peerId = newPeerId(options.randomBytes(12))
    this.#pool = new TrackerPool({ clock: options.clock, random: () => this.#random(), openSocket: options.openSocket })
  }

  /** Joins a swarm, unless it is joined already. */
  join(membership: SwarmMembership): MeshStatus {
    const known = this.#members.get(membership.infoHash)
    if (known) return statusOf(known)
    const { infoHash, announce, transport, onStatus } = membership
    const driver = this.#driverFor(membership, () => this.#report(infoHash, onStatus))
    for (const span of membership.held) driver.stored(span)
    const signalling =
      announce.length === 0
        ? undefined
        : new Signalling({
            ...this.#meeting(announce, transport),
            infoHash,
            driver,
            isHurried: membership.isHurried === true && this.#sharing,
            onChange: () => this.#report(infoHash, onStatus),
          })
    const member = { driver, signalling }
    this.#members.set(infoHash, member)
    this.#overlay?.enter(infoHash, () => driver.swarm.advertised)
    return statusOf(member)
  }

  /** Everything that can be asked of a joined swarm; undefined when it is not joined. */
  swarm(infoHash: InfoHash): SwarmDriver | undefined {
    return this.#members.get(infoHash)?.driver
  }

  status(infoHash: InfoHash): MeshStatus | undefined {
    const member = this.#members.get(infoHash)
    return member && statusOf(member)
  }

  leave(infoHash: InfoHash): void {
    const member = this.#members.get(infoHash)
    this.#members.delete(infoHash)
    member?.signalling?.close()
    member?.driver.close()
    this.#overlay?.leave(infoHash)
  }

  /** Takes part in the DHT, over the links of the swarms that are joined from now on and links of its own. */
  openOverlay(options: Omit<OverlayOptions, 'clock' | 'randomBytes'>): Overlay {
    const { clock, randomBytes } = this.#options
    const overlay = new Overlay(
      { ...options, clock, randomBytes },
      {
        peerId: this.peerId,
        random: () => this.#random(),
        swarmOf: (infoHash) => this.swarm(infoHash) ?? this.#strangers.get(infoHash),
        onLonely: () => this.#entrance?.seek(),
        onLinked: (links) => this.#entrance?.linked(links),
      },
    )
    if (this.#isClosed) overlay.close()
    this.#overlay = overlay
    this.#seeker = new Seeker(overlay, clock)
    this.#entrance = new Entrance(overlay, (announce) => this.#meeting(announce, options.transport))
    return overlay
  }

  /** Lets newcomers to the DHT find us, and us find others, by a tracker. @param announce as in SwarmMembership */
  light(announce: readonly string[]): void {
    if (!this.#isClosed) this.#entrance?.light(announce)
  }

  /** Finds others by peers that take offers themselves. @param urls of their WebSockets */
  visit(urls: readonly string[]): void {
    this.#entrance?.visit(urls)
  }

  /** Links of a swarm go to somebody else while it is not joined; undefined: to nobody any more. */
  divert(infoHash: InfoHash, taker: LinkTaker | undefined): void {
    if (taker === undefined) this.#strangers.delete(infoHash)
    else this.#strangers.set(infoHash, taker)
  }

  /** Looks in the DHT for holders of a chunk and connects; `known` as in `Seeker`. @returns whether one would give it now */
  async seek(infoHash: InfoHash, chunk: ChunkIndex, known?: number): Promise<boolean> {
    const driver = this.swarm(infoHash)
    if (driver === undefined || this.#seeker === undefined) return false
    return await this.#seeker.seek(infoHash, chunk, driver, known)
  }

  setSharing(sharing: boolean): void {
    this.#sharing = sharing
    for (const { driver } of this.#members.values()) driver.setSharing(sharing)
  }

  /** @param bytesPerSecond Infinity for no cap */
  setUploadLimit(bytesPerSecond: number): void {
    this.#budget.limit = bytesPerSecond
  }

  /** Something else needs the line or the processor: uploads hold back for some seconds. */
  easeUpload(): void {
    this.#budget.ease(this.#options.clock.now())
  }

  close(): void {
    this.#isClosed = true
    for (const infoHash of [...this.#members.keys()]) this.leave(infoHash)
    this.#entrance?.close()
    this.#overlay?.close()
    this.#pool.close()
  }

  #driverFor(membership: SwarmMembership, onStatus: () => void): SwarmDriver {
    const { infoHash, chunkCount, files, read, verify, proofs, onBan, metadata } = membership
    const { clock, maxPeers, uploadSlots } = this.#options
    const overlay = this.#overlay
    return new SwarmDriver({
      infoHash,
      peerId: this.peerId,
      chunkCount,
      lengthOf: (chunk) => lengthOfChunk(files, chunk),
      chunkSize: files[0]?.chunkSize ?? 0,
      ...(proofs && { trees: new SwarmTrees(files, proofs), digest: proofs.digest }),
      random: () => this.#random(),
      sharing: this.#sharing,
      uploadShare: this.#budget.share(),
      ...(maxPeers !== undefined && { maxPeers }),
      ...(uploadSlots !== undefined && { uploadSlots }),
      clock,
      read,
      verify,
      onStatus,
      ...(onBan && { onBan }),
      extensions: [...(metadata ? [metadata] : []), ...(overlay?.extensionsFor(infoHash) ?? [])],
      ...(metadata && { metadataSize: metadata.size }),
      ...(overlay && { onHoldings: () => overlay.changed(infoHash) }),
    })
  }

  /** What it takes to meet peers by a tracker. */
  #meeting(announce: readonly string[], transport: Transport) {
    const { clock, randomBytes } = this.#options
    const newOfferId = () => toHex(randomBytes(20)) as OfferId
    return { peerId: this.peerId, announce, clock, pool: this.#pool, transport, newOfferId }
  }

  #report(infoHash: InfoHash, onStatus: (status: MeshStatus) => void): void {
    const status = this.status(infoHash)
    if (status) onStatus(status)
  }

  #random(): number {
    const [a = 0, b = 0, c = 0] = this.#options.randomBytes(3)
    return (a * 0x10000 + b * 0x100 + c) / 0x1000000
  }
}

function statusOf({ driver, signalling }: Member): MeshStatus {
  const { peers, available, loading, uploaded } = driver.swarm
  const phase = peers > 0 ? 'up' : (signalling?.phase ?? 'down')
  const expected = signalling?.expected ?? 0
  return { phase, peers, available: available.slice(), loading: loading.slice(), expected, uploaded }
}

function lengthOfChunk(files: readonly Placement[], chunk: ChunkIndex): number {
  const file = fileOfChunk(files, chunk)
  return file === undefined ? 0 : chunkLength(file, chunk)
}
