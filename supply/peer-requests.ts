import { type ChunkSpan, chunkLength } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import { LATE_FOR_MS, type MeshView, MIN_PEER_PATIENCE_MS, peerFlight, peersHold } from './policy.ts'
import type { ChunkSlot } from './slot.ts'
import type { SupplyContext } from './supply.ts'
import { chunksOfSwarm } from './swarm-cache.ts'
import { Throughput } from './throughput.ts'

/** How fast peers are is not told from less: the smallest of files take a round trip, too. */
const MEASURED_BYTES = 64 * KiB

/** Peers who were not asked for anything for so long may have become faster. */
const KNOWN_FOR_MS = 10_000

/** Requests to peers for chunks of one swarm, how fast they are answered, and what becomes of those that are not. */
export class PeerRequests {
  /** Bytes that they are asked for now. */
  bytes = 0
  readonly #context: SupplyContext
  readonly #view: () => MeshView
  readonly #ended: () => void
  readonly #throughput = new Throughput(MEASURED_BYTES)
  #askedAt = Number.NEGATIVE_INFINITY
  #lateAt = Number.NEGATIVE_INFINITY
  #isWatching = false

  /** @param ended called when some of them are over */
  constructor(context: SupplyContext, view: () => MeshView, ended: () => void) {
    this.#context = context
    this.#view = view
    this.#ended = ended
  }

  /** Bytes per millisecond that they have brought of late; undefined while it is too early to tell, or too long ago. */
  get perMs(): number | undefined {
    return Date.now() - this.#askedAt < KNOWN_FOR_MS ? this.#throughput.perMs : undefined
  }

  /** Whether a reader has lately waited in vain for a chunk of theirs. */
  get areLate(): boolean {
    return Date.now() - this.#lateAt < LATE_FOR_MS
  }

  /** @param isUrgent a reader waits for it */
  ask(file: ManifestFile, chunk: ChunkIndex, isUrgent?: boolean): void {
    const { cache, mesh, extend } = this.#context
    const slot = cache.claim(file, chunk)
    const askedAt = Date.now()
    const length = chunkLength(file, chunk)
    this.bytes += length
    this.#throughput.begin()
    this.#askedAt = askedAt
    const fetching = mesh.fetchChunk(cache.swarm.infoHash, chunk, isUrgent).then(async (bytes) => {
      if (slot.state !== 'filling') return
      if (bytes?.byteLength === length) {
        this.#throughput.add(length)
        // Who brings a chunk sooner than any reader loses patience is late no more.
        if (askedAt > this.#lateAt && Date.now() - askedAt < MIN_PEER_PATIENCE_MS) this.#lateAt = 0
        slot.fill(new Uint8Array(bytes))
        if (await cache.settle(file, chunk, slot)) return
      }
      mesh.refused(cache.swarm.infoHash, chunk)
      cache.release(chunk, slot)
    })
    extend(
      fetching
        .catch(() => cache.release(chunk, slot))
        .finally(() => {
          this.#throughput.end()
          this.bytes -= length
          this.#ended()
        }),
    )
    if (!this.#isWatching) void this.#watch()
  }

  /** Whether more may be asked for ahead of a reader. @param slackMs what a media element has to play */
  hasRoom(slackMs?: number): boolean {
    return this.bytes < peerFlight(this.#throughput.perMs, slackMs)
  }

  /** Those of these chunks that pass the test are not wanted of them any more, and free again. */
  cancel(chunks: ChunkSpan, test: (chunk: ChunkIndex) => boolean): void {
    const { cache, mesh } = this.#context
    for (const [chunk, slot] of this.#of(chunks)) {
      if (!test(chunk)) continue
      mesh.cancelChunk(cache.swarm.infoHash, chunk)
      cache.release(chunk, slot)
    }
  }

  /** They are too slow: what they were asked for of these is for the origin to bring in one go. */
  takeBack(chunks: ChunkSpan): void {
    const { cache, mesh } = this.#context
    this.cancel(chunks, (chunk) => {
      mesh.refused(cache.swarm.infoHash, chunk)
      return true
    })
  }

  /** Slower peers do not keep the origin waiting: half of what they were asked for of these, the later half, goes to it. */
  takeHalf(chunks: ChunkSpan): void {
    const theirs = this.#of(chunks)
    const [first] = theirs.sort(([a], [b]) => a - b)[theirs.length >> 1] ?? []
    if (first === undefined) return
    this.takeBack({ first, after: chunks.after })
    this.#ended()
  }

  /** A reader has waited in vain for the first of these. */
  late(chunks: ChunkSpan): void {
    this.#lateAt = Date.now()
    this.takeBack(chunks)
  }

  /** What of these they have still to bring. */
  #of(chunks: ChunkSpan): [ChunkIndex, ChunkSlot][] {
    return this.#context.cache.slots(chunks).filter(([, slot]) => isFromPeers(slot))
  }

  /** What none of them would send any more, nobody waits for. */
  async #watch(): Promise<void> {
    const { cache, mesh } = this.#context
    this.#isWatching = true
    while (this.bytes > 0) {
      await mesh.change(LATE_FOR_MS)
      const view = this.#view()
      this.cancel(chunksOfSwarm(cache.swarm), (chunk) => !peersHold(chunk, view))
    }
    this.#isWatching = false
  }
}

/** Whether peers have still to bring it: what is here and being verified is nobody's to fetch again. */
export function isFromPeers(slot: ChunkSlot | undefined): slot is ChunkSlot {
  return slot?.source === 'peers' && slot.state === 'filling' && slot.filled === 0
}
