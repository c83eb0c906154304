import {
  type ByteSpan,
  bytesOfChunk,
  type ChunkSpan,
  chunkAt,
  chunksCovering,
  chunksOfFile,
} from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { CrowdShare } from './crowd-share.ts'
import { chunksAhead, type Demand, Demands } from './demand.ts'
import { isBusy, type OriginAnswer, OriginFailed } from './origin.ts'
import { OriginRun } from './origin-run.ts'
import { OriginRuns } from './origin-runs.ts'
import type { Patience } from './patience.ts'
import { PeerRequests } from './peer-requests.ts'
import type { MeshPeers } from './peers.ts'
import {
  BRIDGE_BYTES,
  DRY_FOR_MS,
  filmRate,
  isCrowd,
  isTrusted,
  lookahead,
  type MeshView,
  originSpan,
  peerPatience,
  peersFrom,
  peersHold,
  runsDry,
  segmentBytes,
  stretchBytes,
  supplierFor,
} from './policy.ts'
import type { ChunkSlot } from './slot.ts'
import type { SwarmCache } from './swarm-cache.ts'

/** Requests to the origin in a row that bring nothing, after which a reader gives up. */
const MAX_FAILURES = 3

export interface SupplyContext {
  readonly cache: SwarmCache
  readonly mesh: MeshPeers
  readonly patience: Patience
  /** Bytes came from the origin. */
  received(bytes: number): void
  /** The origin answered a request of ours. */
  answered(file: ManifestFile, answer: OriginAnswer): void
  /** Keeps the worker alive while `work` runs. */
  extend(work: Promise<unknown>): void
}

/** Brings the chunks of one swarm, for all its readers. Who brings what is decided by policy.ts. */
export class Supply {
  readonly demands = new Demands()
  readonly #context: SupplyContext
  readonly #origin: OriginRuns
  readonly #peers: PeerRequests
  readonly #crowd: CrowdShare
  #dryAt = Number.NEGATIVE_INFINITY

  constructor(context: SupplyContext) {
    this.#context = context
    const aheadOfAll = () => this.#aheadOfAll()
    this.#origin = new OriginRuns(context, this.demands, aheadOfAll)
    this.#peers = new PeerRequests(context, () => this.#view(), aheadOfAll)
    this.#crowd = new CrowdShare(context, this.#origin, this.#peers)
  }

  /**
   * Sees to it that somebody brings the chunk at the demand's position, and waits until that has made a difference.
   * @throws OriginFailed when the origin is needed and fails
   */
  async bring(demand: Demand): Promise<void> {
    const chunk = chunkAt(demand.file, demand.position)
    const slot = this.#context.cache.slot(chunk)
    if (slot && slot.state !== 'lost') return await this.#await(demand, chunk, slot)
    const supplier = this.#supplierFor(demand, chunk)
    // What an origin transfer comes to is not asked for twice.
    if (supplier.kind === 'peers' && this.#origin.free(chunk)) return this.#peers.ask(demand.file, chunk, true)
    if (supplier.kind !== 'wait') return await this.#fromOrigin(demand, chunk)
    this.ahead(demand)
    await this.#context.mesh.change(supplier.ms)
  }

  /** A reader has left. */
  leave(demand: Demand): void {
    this.demands.remove(demand)
    this.#context.cache.tidy(this.demands.some)
  }

  /** Whether the demand's first byte is for the origin to bring, and nobody asks for it yet. */
  startsAtOrigin(demand: Demand): boolean {
    const chunk = chunkAt(demand.file, demand.position)
    const onItsWay =
      !this.#context.cache.isFree(chunk) || this.#origin.asked(chunk) || this.#origin.runTo(demand, chunk)
    return !onItsWay && this.#supplierFor(demand, chunk).kind === 'origin'
  }

  /**
   * Asks the origin for a stretch that begins with `chunk`, or where an earlier transfer of it broke off.
   * @param take does with the answer what is to be done; until then nobody else asks for these chunks
   * @throws TypeError when the origin cannot be reached, AbortError when it does not answer in time
   */
  async ask<T>(demand: Demand, chunk: ChunkIndex, take: (answer: OriginAnswer, asked: ByteSpan) => T): Promise<T> {
    return await this.#origin.ask(demand, this.#originSpan(demand, chunk), take)
  }

  /**
   * Takes up an origin response: its bytes up to `end` become chunks. A download's run no faster than its readers want;
   * a media element's are short, and what it paused at it will want in a moment.
   */
  adopt({ file, media }: Pick<Demand, 'file' | 'media'>, answer: OriginAnswer & { kind: 'bytes' }, end: number) {
    return this.#origin.adopt(file, answer, end, !media)
  }

  /** Keeps the whole chunks of an origin response that passes by on its own. */
  keep(file: ManifestFile, answer: OriginAnswer & { kind: 'bytes' }): void {
    this.#origin.adopt(file, answer, answer.span.end, false)
  }

  /** Asks ahead of a reader: peers for what lies further on, the origin for its next stretch. */
  ahead(demand: Demand): void {
    const { file, media, begin, position, end } = demand
    const view = this.#view(demand)
    const trial = isTrusted(view, segmentBytes(demand)) ? 0 : stretchBytes(this.#origin.perMs)
    const slackMs = demand.playback().slackMs
    const start = media ? Math.max(position + peersFrom(slackMs, view), begin + BRIDGE_BYTES) : position + trial
    const span = { start, end: Math.min(end, position + lookahead(media)) }
    if (span.start < span.end) this.#askPeersFor(chunksCovering(file, span), file, view, slackMs)
    if (isCrowd(view, media)) this.#crowd.fetch(demand, view)
    else this.#askOriginEarly(demand)
  }

  /** The bytes to ask the origin for: whole chunks that nobody else has. */
  #originSpan({ file, media, begin, end }: Demand, chunk: ChunkIndex): ByteSpan {
    const { cache } = this.#context
    const start = bytesOfChunk(file, chunk).start + cache.leftover(chunk)
    const most = Math.min(end, start + originSpan(media, this.#view(), this.#origin.perMs, start - begin))
    const wanted = chunksCovering(file, { start, end: Math.max(most, start + 1) })
    const after = Math.max(cache.freeUntil(chunk, wanted.after), chunk + 1)
    return { start, end: bytesOfChunk(file, (after - 1) as ChunkIndex).end }
  }

  async #fromOrigin(demand: Demand, chunk: ChunkIndex): Promise<void> {
    const { cache, patience } = this.#context
    for (let failures = 0; failures < MAX_FAILURES; failures++) {
      if (failures > 0) await new Promise((resolve) => setTimeout(resolve, patience.retry * failures))
      if (!this.demands.has(demand)) return
      const before = cache.leftover(chunk)
      const run = await this.#startRun(demand, chunk)
      if (run) await this.#firstBytes(run, chunk)
      const isHere = !cache.isFree(chunk) || cache.leftover(chunk) > before
      // A run that brings something and is not here yet is no failure.
      if (isHere || cache.slot(chunk)?.mismatched || this.#origin.runTo(demand, chunk)) return
    }
    throw new OriginFailed(demand.file.path)
  }

  /** A run that leads to the chunk; undefined when it is here by now, or the origin could not be reached. */
  async #startRun(demand: Demand, chunk: ChunkIndex): Promise<OriginRun | undefined> {
    // Looks again after each wait, and does not wait for nothing: another reader would ask meanwhile.
    for (let asked = this.#origin.asked(chunk); asked; asked = this.#origin.asked(chunk)) await asked
    const running = this.#origin.runTo(demand, chunk)
    if (running || !this.#context.cache.isFree(chunk)) return running
    const take = (answer: OriginAnswer, asked: ByteSpan) =>
      answer.kind === 'bytes' && answer.span.start === asked.start ? this.adopt(demand, answer, asked.end) : answer
    const taken = await this.ask(demand, chunk, take).catch(() => undefined)
    if (!taken || taken instanceof OriginRun) return taken
    taken.response.body?.cancel().catch(() => {})
    this.#context.answered(demand.file, taken)
    if (isBusy(taken.response)) return undefined
    throw new OriginFailed(demand.file.path)
  }

  /** Waits until the run has brought something or is over, or the chunk is here: it may have come by now, all of it. */
  async #firstBytes(run: OriginRun, chunk: ChunkIndex): Promise<void> {
    const { cache, patience } = this.#context
    const before = run.position
    while (!run.stopped && run.position === before && cache.isFree(chunk)) await run.progress(patience.origin)
  }

  /** Waits until a slot has readable bytes beyond `offset`, or for `ms`; a paused transfer goes on for it. */
  waitFor(slot: ChunkSlot, offset: number, ms: number): Promise<boolean> {
    const waiting = slot.beyond(offset, ms)
    this.demands.ring()
    return waiting
  }

  /** Waits for a chunk that somebody brings. An origin transfer that falls silent gives up by itself. */
  async #await(demand: Demand, chunk: ChunkIndex, slot: ChunkSlot): Promise<void> {
    const offset = demand.position - bytesOfChunk(demand.file, chunk).start
    const patience = slot.source === 'peers' ? peerPatience(demand.playback().slackMs) : this.#context.patience.origin
    const changed = await this.waitFor(slot, offset, patience)
    if (changed || slot.source !== 'peers') return
    this.#peers.late(chunksAhead(demand, BRIDGE_BYTES))
  }

  /** A media element has sought: what is still on its way to its old place would only be in the way. */
  sought({ file, position }: Demand): void {
    this.#origin.stopAwayFrom(file, { start: position, end: position + lookahead(true) })
    this.#peers.cancel(chunksOfFile(file), (chunk) => {
      const { start, end } = bytesOfChunk(file, chunk)
      const isNear = end > position && start < position + lookahead(true)
      return !isNear && !this.demands.wants(file, start)
    })
  }

  #askPeersFor({ first, after }: ChunkSpan, file: ManifestFile, view: MeshView, slackMs?: number): void {
    if ((view.status?.peers ?? 0) === 0) return
    const isFree = this.#origin.free
    for (let chunk: number = first; chunk < after && this.#peers.hasRoom(slackMs); chunk++) {
      const next = chunk as ChunkIndex
      if (peersHold(next, view) && isFree(next)) this.#peers.ask(file, next)
    }
  }

  #aheadOfAll(): void {
    for (const demand of this.demands.all) this.ahead(demand)
  }

  #askOriginEarly(demand: Demand): void {
    const { file, media, begin, position } = demand
    const own = this.#origin.runFrom(file, position)
    if (!own || this.#origin.isBusy) return
    const next = chunkAt(file, own.end)
    const span = originSpan(media, this.#view(), this.#origin.perMs, own.end - begin)
    const inReach = own.end < demand.end && own.end < position + span
    if (!inReach || !this.#origin.free(next) || this.#supplierFor(demand, next).kind !== 'origin') return
    // Nobody waits for this one: when it fails, the reader that gets here asks again and is told.
    this.#context.extend(this.#startRun(demand, next).catch(() => undefined))
  }

  #supplierFor(demand: Demand, chunk: ChunkIndex) {
    const { media, begin, file } = demand
    const distance = bytesOfChunk(file, chunk).start - begin
    const waitedMs = Date.now() - demand.readMs
    const slackMs = demand.playback().slackMs
    const segment = segmentBytes(demand)
    const need = { chunk, media, distance, segment, slackMs, waitedMs, busy: this.#origin.isBusy, dice: Math.random() }
    if (runsDry(need, this.#origin.perMs)) this.#dryAt = Date.now()
    return supplierFor(need, this.#view(demand))
  }

  #view(demand?: Demand): MeshView {
    const { mesh, cache } = this.#context
    const { infoHash } = cache.swarm
    const theirs = this.#peers.perMs
    return {
      status: mesh.status(infoHash),
      sinceJoinMs: mesh.sinceJoinMs(infoHash),
      refused: (chunk) => mesh.wasRefused(infoHash, chunk),
      late: this.#peers.areLate,
      speed: theirs === undefined || !this.#origin.perMs ? undefined : theirs / this.#origin.perMs,
      perMs: theirs,
      asked: this.#peers.bytes,
      filmPerMs: filmRate(demand?.file.size, demand?.playback().lengthMs),
      isDry: Date.now() - this.#dryAt < DRY_FOR_MS,
    }
  }
}
