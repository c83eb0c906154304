import { BLOCK_SIZE, type ChunkIndex, KiB } from '../protocol/units.ts'
import { etaMs, fairShare, finishMs, isReady, missingBytes, underWay } from './forecast.ts'
import type { LeafRequests } from './leaf-requests.ts'
import type { Peer } from './peer.ts'
import type { Want, Wants } from './wants.ts'

/** How long a silent peer is left alone. */
const REST_MS = 4_000
/** What a peer that may be gone is expected to take. */
const GONE_MS = 2_000
/** A peer that delivers nothing for this long is let go, even where there is no other. */
const HOPELESS_MS = 15_000
/** A peer leaves an urgent chunk to another that is expected to need less than this share of its own time. */
const MUCH_SOONER = 0.5
/** Nothing is fetched twice to have it sooner by less than this. */
const WORTH_DOUBLING_MS = 500
/** A chunk that is due within this many times what it is expected to take is asked of a second peer too. */
const CLOSE = 2
/** Chunks from this size on are worth the work of several peers. */
const WORTH_SPLITTING = 256 * KiB
/** Peers at work on one chunk. */
const MOST_SOURCES = 4
/** Blocks that are handed over at least. */
const LEAST_SHARE = 4

export interface DispatcherOptions {
  readonly peers: ReadonlyMap<unknown, Peer>
  readonly wants: Wants
  readonly lengthOf: (chunk: ChunkIndex) => number
  readonly leafRequests: LeafRequests | undefined
  /** Whether nothing but what is asked for is lacking: whoever goes on delivering has time for the work of others. */
  readonly isEnding: () => boolean
}

/** Which peer is asked for which block of which wanted chunk. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #wants: Wants

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#wants = options.wants
  }

  /** Gives idle peers something to do. */
  assignAll(nowMs: number): void {
    if (this.#wants.size === 0) return
    for (const peer of this.#options.peers.values()) this.assign(peer, nowMs)
  }

  /** Gives one peer as much as its pipeline has room for, and sends the requests that are due. */
  assign(peer: Peer, nowMs: number): void {
    const { session } = peer
    const lacks = (chunk: ChunkIndex, block: number) => this.#wants.get(chunk)?.assembly.lacks(peer, block) === true
    const mayTake = () =>
      this.#wants.size > 0 &&
      peer.searched !== this.#wants.version &&
      isReady(peer, nowMs) &&
      session.downloads.hasRoom(nowMs)
    while (mayTake()) {
      if (!this.#giveWork(peer, nowMs)) peer.searched = this.#wants.version
      session.request(nowMs, lacks)
    }
    session.request(nowMs, lacks)
  }

  /** Takes a silent peer's chunks away for others; what only it has stays with it. @returns whether there is new work */
  review(nowMs: number): boolean {
    const { version } = this.#wants
    const isEnding = this.#options.isEnding()
    for (const peer of this.#options.peers.values()) {
      const { downloads } = peer.session
      const wasSilent = nowMs < peer.restsUntilMs
      if (wasSilent && downloads.answeredMs > peer.restsUntilMs - REST_MS) peer.restsUntilMs = 0
      else if (downloads.isSilent(nowMs, isEnding)) {
        if (!wasSilent) {
          downloads.endSilence(nowMs)
          peer.restsUntilMs = nowMs + REST_MS
        }
        this.#takeAway(peer, nowMs)
      }
    }
    return this.#wants.version !== version
  }

  /** Has all peers look for work anew: what others need has changed with time. */
  wake(): void {
    this.#wants.version++
  }

  /** Peers that are of no use. */
  hopeless(nowMs: number): Peer[] {
    return [...this.#options.peers.values()].filter(({ session }) => session.downloads.silentFor(nowMs) >= HOPELESS_MS)
  }

  #takeAway(peer: Peer, nowMs: number): void {
    for (const want of [...peer.assigned]) if (this.#another(peer, want.chunk, nowMs)) this.#takeFrom(peer, want, nowMs)
  }

  #takeFrom(peer: Peer, want: Want, nowMs: number): void {
    peer.session.cancel(want.chunk, nowMs)
    this.#wants.release(want, peer)
  }

  #another(peer: Peer, chunk: ChunkIndex, nowMs: number): Peer | undefined {
    for (const other of this.#options.peers.values()) {
      const holds = other !== peer && isReady(other, nowMs) && other.session.has(chunk)
      if (holds && !other.session.downloads.isSilent(nowMs, this.#options.isEnding())) return other
    }
    return undefined
  }

  /** The most urgent work that this peer can do: what nobody does, and what others will hardly do in time. */
  #giveWork(peer: Peer, nowMs: number): boolean {
    const order = this.#wants.inOrder()
    for (const want of order) {
      if (!peer.session.has(want.chunk) || want.checks > 0) continue
      if (want.isOpen) {
        if (this.#suits(peer, want, nowMs)) return this.#claim(peer, want, nowMs)
      } else if (this.#isClose(want, nowMs) && this.#join(peer, want, true, nowMs)) return true
    }
    // Whoever pauses is no help.
    if (this.#pauses(peer, nowMs)) return false
    // Nothing is left to begin with: it helps those who are at work, and doubles what would be much later without it.
    for (const want of order) {
      if (want.isOpen || want.checks > 0 || !peer.session.has(want.chunk)) continue
      const ownMs = etaMs(peer, missingBytes(want), nowMs)
      const othersMs = this.#mayBeGone(want, nowMs) ? GONE_MS : finishMs(want, nowMs)
      const isSlow = othersMs * MUCH_SOONER > ownMs && othersMs - ownMs > WORTH_DOUBLING_MS
      if (this.#join(peer, want, isSlow && !this.#wants.anyOpen, nowMs)) return true
    }
    return false
  }

  /** Whether it will be in time, or nobody else would be much sooner. */
  #suits(peer: Peer, want: Want, nowMs: number): boolean {
    const bytes = missingBytes(want)
    const ownMs = etaMs(peer, bytes, nowMs)
    if (nowMs + ownMs <= want.deadlineMs) return true
    for (const other of this.#options.peers.values()) {
      const holds = other !== peer && isReady(other, nowMs) && other.session.has(want.chunk)
      if (holds && etaMs(other, bytes, nowMs) < ownMs * MUCH_SOONER) return false
    }
    return true
  }

  /** Whether it pauses for longer than it did of late, and now that matters. */
  #pauses(peer: Peer, nowMs: number): boolean {
    return this.#options.isEnding() && peer.session.downloads.pausesLong(nowMs)
  }

  #mayBeGone({ sources, assembly }: Want, nowMs: number): boolean {
    return [...sources].some((peer) => this.#pauses(peer, nowMs) && assembly.owes(peer))
  }

  #isClose(want: Want, nowMs: number): boolean {
    return want.deadlineMs - nowMs < CLOSE * finishMs(want, nowMs)
  }

  #claim(peer: Peer, want: Want, nowMs: number): boolean {
    const run = want.assembly.claim(peer)
    this.#wants.enlist(want, peer)
    peer.session.downloads.assign(want.chunk, this.#options.lengthOf(want.chunk), run)
    this.#options.leafRequests?.ask(want, peer, nowMs)
    return true
  }

  /** Takes over a part of what another peer owes, or doubles it. */
  #join(peer: Peer, want: Want, mayDouble: boolean, nowMs: number): boolean {
    const { assembly } = want
    const atWork = [...want.sources].filter((other) => other !== peer && assembly.owes(other))
    const [busiest] = atWork.sort((a, b) => assembly.owedBy(b) - assembly.owedBy(a))
    if (busiest === undefined || atWork.length >= MOST_SOURCES) return false
    if (this.#split(want, busiest, peer, nowMs)) return true
    if (!mayDouble || !this.#isOfHelp(peer, want, nowMs)) return false
    const { spare } = assembly
    if (spare === peer || (spare && !this.#pauses(spare, nowMs))) return false
    if (spare) this.#takeFrom(spare, want, nowMs)
    const run = assembly.double(peer)
    this.#wants.enlist(want, peer)
    // From the end, so that both have something new to bring until they meet.
    peer.session.downloads.assign(want.chunk, this.#options.lengthOf(want.chunk), run, true)
    return true
  }

  /** Without leaf hashes, two that draft the same chunk do not share the work: the second one must be likely to win. */
  #isOfHelp(peer: Peer, want: Want, nowMs: number): boolean {
    const soonestMs = finishMs(want, nowMs)
    const isLate = nowMs + soonestMs > want.deadlineMs
    return want.assembly.hasLeaves || isLate || etaMs(peer, missingBytes(want), nowMs) < soonestMs
  }

  #split(want: Want, from: Peer, to: Peer, nowMs: number): boolean {
    const { assembly, chunk } = want
    const length = this.#options.lengthOf(chunk)
    if (!assembly.hasLeaves || length < WORTH_SPLITTING) return false
    const owed = assembly.owedBy(from)
    const count = Math.min(owed - underWay(from, nowMs), fairShare(from, to, nowMs))
    if (count < LEAST_SHARE) return false
    const moved = assembly.handOver(from, to, count)
    const [low] = moved
    if (low === undefined) return false
    for (const block of moved) from.session.cancelBlock(chunk, block * BLOCK_SIZE, nowMs)
    this.#wants.enlist(want, to)
    to.session.downloads.assign(chunk, length, { low, high: (moved[moved.length - 1] ?? low) + 1 })
    return true
  }
}
