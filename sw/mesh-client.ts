import { type Remote, transfer, wrap } from 'comlink'
import type { MeshEvent, MeshHost, SwarmTicket, WorkerMessage } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'
import { DOWN, JOINING, type SwarmStatus } from '../protocol/delivery.ts'
import { DeadlineMissed } from '../protocol/errors.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { Bell } from '../supply/bell.ts'
import { type Patience, URGENCY } from '../supply/patience.ts'

/** How long a call for a host is left open before it is made again. */
const CALL_AGAIN_MS = 3_000

/** A page's answer may come this much after the deadline it was given, then its answer is no longer awaited. */
const GRACE_MS = 500

/** A swarm that could not be joined is tried again after this long. */
const REJOIN_MS = 10_000

/** Peers are not asked again for a chunk that they failed to bring for this long. */
const REFUSED_FOR_MS = 5_000

interface Membership {
  readonly joinedAt: number
  /** What the host needs to join; its hashes may still be on their way. */
  readonly ticket: Promise<SwarmTicket>
  status: SwarmStatus | undefined
  readonly refusedAt: Map<ChunkIndex, number>
}

export interface MeshClientEvents {
  /** Posts to all pages. */
  broadcast(message: WorkerMessage): void
  /** All that the page of that id has sent to peers in a swarm so far. */
  uploaded(host: string, swarm: InfoHash, total: number): void
  changed(): void
}

/**
 * The worker's end of the bridge to the page that hosts the mesh. Every call has a deadline;
 * a missed one means that the host is gone, and another is called for.
 */
export class MeshClient {
  readonly #events: MeshClientEvents
  readonly #patience: Patience
  #host: Remote<MeshHost> | undefined
  #hostPorts: readonly MessagePort[] = []
  #hostId = ''
  #calledAt = Number.NEGATIVE_INFINITY
  readonly #members = new Map<InfoHash, Membership>()
  /** Ends the wait of each call that is under way. */
  readonly #calls = new Set<() => void>()
  readonly #bell = new Bell()

  constructor(events: MeshClientEvents, patience: Patience) {
    this.#events = events
    this.#patience = patience
  }

  /** Peers over all swarms. */
  get peers(): number {
    return [...this.#members.values()].reduce((sum, { status }) => sum + (status?.peers ?? 0), 0)
  }

  status(swarm: InfoHash): SwarmStatus | undefined {
    return this.#members.get(swarm)?.status
  }

  sinceJoinMs(swarm: InfoHash): number {
    return Date.now() - (this.#members.get(swarm)?.joinedAt ?? Date.now())
  }

  wasRefused(swarm: InfoHash, chunk: ChunkIndex): boolean {
    const at = this.#members.get(swarm)?.refusedAt.get(chunk)
    return at !== undefined && Date.now() - at < REFUSED_FOR_MS
  }

  /** A page offers itself as host, or offers itself anew. */
  accept(id: string, calls: MessagePort, events: MessagePort): void {
    this.#hangUp()
    this.#hostPorts = [calls, events]
    this.#hostId = id
    this.#host = wrap<MeshHost>(calls)
    events.onmessage = (event: MessageEvent<MeshEvent>) => this.#onEvent(event.data)
    for (const [infoHash, member] of this.#members) this.#enter(infoHash, member)
  }

  /** Takes part in a swarm from now on; calls for a host when there is none. @param ticket made when it is needed */
  join(infoHash: InfoHash, ticket: () => Promise<SwarmTicket>): void {
    const known = this.#members.get(infoHash)
    if (known && (known.status?.phase !== 'down' || Date.now() - known.joinedAt < REJOIN_MS)) return
    const member: Membership = { joinedAt: Date.now(), ticket: ticket(), status: JOINING, refusedAt: new Map() }
    member.ticket.catch(() => {}) // there may be no host to tell it to
    this.#members.set(infoHash, member)
    if (this.#host) this.#enter(infoHash, member)
    else this.#callForHost()
  }

  /** Peers did not bring a chunk: they are not asked for it again soon. */
  refused(infoHash: InfoHash, chunk: ChunkIndex): void {
    this.#members.get(infoHash)?.refusedAt.set(chunk, Date.now())
  }

  async fetchChunk(infoHash: InfoHash, chunk: ChunkIndex, isUrgent?: boolean): Promise<ArrayBuffer | undefined> {
    const { peerChunk } = this.#patience
    const deadlineMs = peerChunk / (isUrgent ? URGENCY : 1)
    // A host that is only busy may answer late: it is not gone yet.
    return await this.#call((host) => host.fetchChunk({ infoHash, chunk, deadlineMs }), peerChunk + GRACE_MS)
  }

  /** Peers are not wanted for this chunk any more. */
  cancelChunk(infoHash: InfoHash, chunk: ChunkIndex): void {
    void this.#call((host) => host.cancelChunk(infoHash, chunk))
  }

  /** A chunk is verified: peers may have it from now on. Its bytes are copied, once there are peers. */
  hold(infoHash: InfoHash, chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.status(infoHash)?.peers) return
    const { buffer } = bytes.slice()
    void this.#call((host) => host.hold(infoHash, chunk, transfer(buffer, [buffer])))
  }

  stored(infoHash: InfoHash, chunks: ChunkSpan): void {
    if (this.#members.has(infoHash)) void this.#call((host) => host.stored(infoHash, chunks))
  }

  loading(infoHash: InfoHash, chunks: readonly ChunkSpan[]): void {
    if (this.#host && this.#members.has(infoHash)) void this.#call((host) => host.loading(infoHash, chunks))
  }

  dropped(infoHash: InfoHash): void {
    if (this.#members.has(infoHash)) void this.#call((host) => host.dropped(infoHash))
  }

  /** Takes part in none of the swarms any more but those that are `kept`. */
  leaveAll(kept: ReadonlySet<InfoHash> = new Set()): void {
    for (const infoHash of [...this.#members.keys()]) {
      if (kept.has(infoHash)) continue
      this.#members.delete(infoHash)
      void this.#call((host) => host.leave(infoHash))
    }
  }

  setSharing(sharing: boolean): void {
    void this.#call((host) => host.setSharing(sharing))
  }

  /** Resolves when something of the mesh has changed, or after `ms`. */
  async change(ms: number): Promise<void> {
    await this.#bell.next(ms)
  }

  #enter(infoHash: InfoHash, member: Membership): void {
    const entering = member.ticket.then((ticket) => this.#call((host) => host.join(ticket)))
    void entering
      .catch(() => undefined) // without hashes nothing from a peer could be verified
      .then((status) => {
        if (this.#members.get(infoHash) === member) this.#setStatus(infoHash, member, status ?? DOWN)
      })
  }

  #onEvent(event: MeshEvent): void {
    const member = this.#members.get(event.infoHash)
    if (member) this.#setStatus(event.infoHash, member, event.status)
  }

  #setStatus(infoHash: InfoHash, member: Membership, status: SwarmStatus): void {
    if (status.uploaded > 0) this.#events.uploaded(this.#hostId, infoHash, status.uploaded)
    member.status = status
    if (member.refusedAt.size > 4096) member.refusedAt.clear()
    this.#bell.ring()
    this.#events.changed()
  }

  /** Calls the host; undefined when there is none, it fails or does not answer in time. */
  async #call<T>(
    work: (host: Remote<MeshHost>) => Promise<T>,
    deadlineMs = this.#patience.call,
  ): Promise<T | undefined> {
    const host = this.#host
    if (!host) {
      this.#callForHost()
      return undefined
    }
    let hungUp: (() => void) | undefined
    const gone = new Promise<undefined>((resolve) => {
      hungUp = () => resolve(undefined)
      this.#calls.add(hungUp)
    })
    try {
      return await withDeadline(Promise.race([work(host), gone]), deadlineMs)
    } catch (error) {
      if (error instanceof DeadlineMissed) this.#lose(host)
      return undefined
    } finally {
      if (hungUp) this.#calls.delete(hungUp)
    }
  }

  /** What a host was asked for and has not answered is not waited for any more. */
  #hangUp(): void {
    for (const port of this.#hostPorts) port.close()
    this.#hostPorts = []
    this.#host = undefined
    for (const hungUp of this.#calls) hungUp()
  }

  #lose(host: Remote<MeshHost>): void {
    if (this.#host !== host) return
    this.#hangUp()
    for (const [infoHash, member] of this.#members) this.#setStatus(infoHash, member, DOWN)
    this.#callForHost()
  }

  #callForHost(): void {
    if (this.#members.size === 0 || Date.now() - this.#calledAt < CALL_AGAIN_MS) return
    this.#calledAt = Date.now()
    this.#events.broadcast({ tributary: 'need-host' })
  }
}
