import { bytesOfChunk, type ChunkSpan, chunkAt } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { chunksAhead, type Demand } from './demand.ts'
import { OriginFailed } from './origin.ts'
import type { OriginRuns } from './origin-runs.ts'
import { isFromPeers, type PeerRequests } from './peer-requests.ts'
import {
  BRIDGE_BYTES,
  helpsWhilePlaying,
  isShort,
  isTheirs,
  isTrusted,
  isUrgent,
  lookahead,
  type MeshView,
  segmentBytes,
  stretchBytes,
} from './policy.ts'
import { pickStretch } from './stretch.ts'
import type { SupplyContext } from './supply.ts'

/** An origin that did not answer a request ahead of all readers is asked for no more of them for so long. */
const NO_HELP_MS = 10_000

/** What one of a crowd fetches from the origin for all of them. */
export class CrowdShare {
  readonly #context: SupplyContext
  readonly #origin: OriginRuns
  readonly #peers: PeerRequests
  /** The chunk after what was fetched last. */
  #next: ChunkIndex | undefined
  #noHelpUntil = 0

  constructor(context: SupplyContext, origin: OriginRuns, peers: PeerRequests) {
    this.#context = context
    this.#origin = origin
    this.#peers = peers
  }

  /**
   * One of a crowd keeps the origin at work on what none of them has, in the reader's reach but not in its order. A
   * download goes on with what peers have as well, until they prove to be the faster source, and so does a media element that
   * is short while they do not feed it. Who runs dry helps with what all of them need next.
   */
  fetch(demand: Demand, view: MeshView): void {
    const { file, media } = demand
    const slackMs = demand.playback().slackMs
    const isDry = isUrgent(slackMs)
    const bytes = media ? BRIDGE_BYTES / (isDry ? 2 : 1) : stretchBytes(this.#origin.perMs)
    const segment = segmentBytes(demand)
    this.#origin.shorten(bytes)
    const isOver = this.#origin.isBusy || Date.now() < this.#noHelpUntil || this.#context.cache.unverifiable
    if (isOver || (media && !helpsWhilePlaying(slackMs, view))) return
    const peers = (view.status?.peers ?? 0) + (view.status?.expected ?? 0)
    const reach = isDry ? (peers + 1) * bytes : lookahead(media)
    const chunks = chunksAhead(demand, reach)
    const takesTheirs = media ? isShort(slackMs, view) : segment === Number.POSITIVE_INFINITY && (view.speed ?? 0) < 1
    const mine = (chunk: ChunkIndex) =>
      !media && !isTrusted(view, segment) && isFromPeers(this.#context.cache.slot(chunk))
    const isFree = this.#origin.free
    const stretch = pickStretch({
      chunks,
      isFree,
      isTheirs: (chunk) => (media && takesTheirs) || isTheirs(chunk, view),
      most: Math.ceil(bytes / file.chunkSize),
      next: this.#next,
      peers,
      random: Math.random,
      isSpare: (chunk) => takesTheirs && (isFree(chunk) || mine(chunk)),
    })
    if (stretch) this.#ask(demand, stretch)
    else if (takesTheirs && !media) this.#peers.takeHalf(chunks)
  }

  #ask(demand: Demand, stretch: ChunkSpan): void {
    const { file } = demand
    const { first, after } = stretch
    this.#peers.takeBack(stretch)
    const start = bytesOfChunk(file, first).start + this.#context.cache.leftover(first)
    const { end } = bytesOfChunk(file, (after - 1) as ChunkIndex)
    if (first !== chunkAt(file, demand.position)) this.#next = after
    const fetching = this.#origin.ask(demand, { start, end }, (answer, asked) => {
      if (answer.kind !== 'bytes' || answer.span.start !== asked.start) throw new OriginFailed(file.path)
      return this.#origin.adopt(file, answer, asked.end, false)
    })
    this.#context.extend(
      fetching.catch(() => {
        this.#noHelpUntil = Date.now() + NO_HELP_MS
      }),
    )
  }
}
