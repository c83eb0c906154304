import {
  type ByteSpan,
  bytesOfChunk,
  type ChunkSpan,
  chunkLength,
  chunksCovering,
  chunksOfFile,
} from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { type Demand, Demands } from './demand.ts'
import { versionOf } from './head.ts'
import { askOrigin, type OriginAnswer } from './origin.ts'
import { OriginRun } from './origin-run.ts'
import type { Patience } from './patience.ts'
import type { MeshPeers } from './peers.ts'
import {
  BRIDGE_BYTES,
  isUrgent,
  LATE_FOR_MS,
  lookahead,
  type MeshView,
  originSpan,
  PEER_FLIGHT_BYTES,
  PEERS_FROM_BYTES,
  peerPatience,
  peersHold,
  supplierFor,
} from './policy.ts'
import type { ChunkSlot } from './slot.ts'
import type { SwarmCache } from './swarm-cache.ts'

/** The origin is asked for its next stretch when no more of the last one is to come than this, so that no gap opens. */
const ASK_EARLY_BYTES = 512 * 1024
const ASK_EARLY_MS = 50

/** Requests to the origin in a row that bring nothing, after which a reader gives up. */
const MAX_FAILURES = 3

/** The origin cannot bring what a reader needs. */
export class OriginFailed extends Error {
  override readonly name = 'OriginFailed'
}

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

/** A request to the origin whose response nobody has taken up yet. */
interface Asking {
  readonly chunks: ChunkSpan
  readonly taken: Promise<unknown>
}

/** Brings the chunks of one swarm, for all its readers. Who brings what is decided by policy.ts. */
export class Supply {
  readonly demands = new Demands()
  readonly #context: SupplyContext
  readonly #runs = new Set<OriginRun>()
  readonly #asking = new Set<Asking>()
  #peerBytes = 0
  #bytesPerMs = 0
  #lateAt = Number.NEGATIVE_INFINITY

  constructor(context: SupplyContext) {
    this.#context = context
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
    if (supplier.kind === 'wait') return await this.#context.mesh.change(supplier.ms)
    if (supplier.kind === 'peers') return this.#askPeers(demand.file, chunk)
    await this.#fromOrigin(demand, chunk)
  }

  /** A reader has left. */
  leave(demand: Demand): void {
    this.demands.remove(demand)
    if (!this.demands.some) this.#context.cache.tidy()
  }

  /** Whether the demand's first byte is for the origin to bring, and nobody asks for it yet. */
  startsAtOrigin(demand: Demand): boolean {
    const chunk = chunkAt(demand.file, demand.position)
    const onItsWay = !this.#context.cache.isFree(chunk) || this.#beingAsked(chunk) || this.#runTo(demand.file, chunk)
    return !onItsWay && this.#supplierFor(demand, chunk).kind === 'origin'
  }

  /**
   * Asks the origin for a stretch that begins with `chunk`, or where an earlier transfer of it broke off.
   * @param take does with the answer what is to be done; until then nobody else asks for these chunks
   * @throws TypeError when the origin cannot be reached, AbortError when it does not answer in time
   */
  async ask<T>(demand: Demand, chunk: ChunkIndex, take: (answer: OriginAnswer, asked: ByteSpan) => T): Promise<T> {
    const span = this.#originSpan(demand, chunk)
    const patience = this.#context.patience.origin
    const asked = askOrigin({ ...demand.access, file: demand.file, span, patience })
    const taken = asked.then((answer) => take(answer, span))
    const asking = { chunks: chunksCovering(demand.file, span), taken: taken.catch(() => undefined) }
    this.#asking.add(asking)
    try {
      return await taken
    } finally {
      this.#asking.delete(asking)
    }
  }

  /**
   * Takes up an origin response: its bytes up to `end` become chunks. A download's run no faster than its readers want;
   * a media element's are short, and what it paused at it will want in a moment.
   */
  adopt(
    { file, media }: Pick<Demand, 'file' | 'media'>,
    answer: OriginAnswer & { kind: 'bytes' },
    end: number,
  ): OriginRun {
    const { cache, received, extend, patience } = this.#context
    this.#context.answered(file, answer)
    // An origin without ranges sends the whole file, and could not be asked for the rest.
    const isWhole = answer.response.status === 200
    const run = new OriginRun({
      file,
      cache,
      body: answer.response.body ?? new ReadableStream(),
      span: answer.span,
      end: isWhole ? answer.span.end : end,
      demands: media && !isWhole ? undefined : this.demands,
      version: versionOf(answer.head),
      patience: patience.origin,
      received,
    })
    this.#runs.add(run)
    extend(
      run.done.then(() => {
        this.#runs.delete(run)
        this.#bytesPerMs = run.bytesPerMs
      }),
    )
    return run
  }

  /** Keeps the whole chunks of an origin response that passes by on its own. */
  keep(file: ManifestFile, answer: OriginAnswer & { kind: 'bytes' }): void {
    this.adopt({ file, media: true }, answer, answer.span.end)
  }

  /** Asks ahead of a reader: peers for what lies further on, the origin for its next stretch. */
  ahead(demand: Demand): void {
    const { file, media, position, end } = demand
    const start = media ? mediaPeersFrom(demand) : position + PEERS_FROM_BYTES
    const span = { start, end: Math.min(end, position + lookahead(media)) }
    if (span.start < span.end) this.#askPeersFor(demand, chunksCovering(file, span))
    this.#askOriginEarly(demand)
  }

  /** The bytes to ask the origin for: whole chunks that nobody else has. */
  #originSpan({ file, media, end }: Demand, chunk: ChunkIndex): ByteSpan {
    const { cache } = this.#context
    const start = bytesOfChunk(file, chunk).start + cache.leftover(chunk)
    const most = Math.min(end, start + originSpan(media, this.#view(chunk), this.#bytesPerMs))
    const wanted = chunksCovering(file, { start, end: Math.max(most, start + 1) })
    const after = Math.max(cache.freeUntil(chunk, wanted.after), chunk + 1)
    return { start, end: bytesOfChunk(file, (after - 1) as ChunkIndex).end }
  }

  async #fromOrigin(demand: Demand, chunk: ChunkIndex): Promise<void> {
    const { cache } = this.#context
    for (let failures = 0; failures < MAX_FAILURES; failures++) {
      const before = cache.leftover(chunk)
      const run = await this.#startRun(demand, chunk)
      if (run) await this.#firstBytes(run)
      const isHere = !cache.isFree(chunk) || cache.leftover(chunk) > before
      // A run that brings something and is not here yet is no failure.
      if (isHere || cache.slot(chunk)?.mismatched || this.#runTo(demand.file, chunk)) return
    }
    throw new OriginFailed(`the origin does not bring ${demand.file.path}`)
  }

  #runTo(file: ManifestFile, chunk: ChunkIndex): OriginRun | undefined {
    const position = bytesOfChunk(file, chunk).start + this.#context.cache.leftover(chunk)
    return [...this.#runs].find((run) => run.file === file && run.leadsTo(position))
  }

  /** A run that leads to the chunk; undefined when it is here by now, or the origin could not be reached. */
  async #startRun(demand: Demand, chunk: ChunkIndex): Promise<OriginRun | undefined> {
    // Looks again after each wait, and does not wait for nothing: another reader would ask meanwhile.
    for (let asking = this.#beingAsked(chunk); asking; asking = this.#beingAsked(chunk)) await asking.taken
    const running = this.#runTo(demand.file, chunk)
    if (running || !this.#context.cache.isFree(chunk)) return running
    const take = (answer: OriginAnswer, asked: ByteSpan) =>
      answer.kind === 'bytes' && answer.span.start === asked.start ? this.adopt(demand, answer, asked.end) : answer
    const taken = await this.ask(demand, chunk, take).catch(() => undefined)
    if (!taken || taken instanceof OriginRun) return taken
    taken.response.body?.cancel().catch(() => {})
    this.#context.answered(demand.file, taken)
    throw new OriginFailed(`the origin answers ${taken.response.status} for ${demand.file.path}`)
  }

  #beingAsked(chunk: ChunkIndex): Asking | undefined {
    return [...this.#asking].find(({ chunks }) => chunks.first <= chunk && chunk < chunks.after)
  }

  /** Waits until the run has brought something or is over. */
  async #firstBytes(run: OriginRun): Promise<void> {
    const before = run.position
    while (!run.stopped && run.position === before) await run.progress(this.#context.patience.origin)
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
    const patience = slot.source === 'peers' ? peerPatience(demand.slackMs()) : this.#context.patience.origin
    const changed = await this.waitFor(slot, offset, patience)
    if (!changed && slot.source === 'peers') this.#takeFromPeers(demand, chunk)
  }

  /** Peers are too slow: this chunk and those right behind it are free again, for the origin to bring in one go. */
  #takeFromPeers({ file, position, end }: Demand, from: ChunkIndex): void {
    const { cache, mesh } = this.#context
    this.#lateAt = Date.now()
    const { after } = chunksCovering(file, { start: position, end: Math.min(end, position + BRIDGE_BYTES) })
    for (const [chunk, slot] of cache.slots({ first: from, after })) {
      if (slot.source !== 'peers' || slot.state !== 'filling') continue
      mesh.refused(cache.swarm.infoHash, chunk)
      this.#cancel(chunk, slot)
    }
  }

  /** A media element has sought: what peers are still sending of its old place would only be in the way. */
  sought({ file, position }: Demand): void {
    const { cache } = this.#context
    for (const [chunk, slot] of cache.slots(chunksOfFile(file))) {
      if (slot.source !== 'peers' || slot.state !== 'filling') continue
      const { start, end } = bytesOfChunk(file, chunk)
      const isNear = end > position && start < position + lookahead(true)
      if (!isNear && !this.demands.wants(file, start)) this.#cancel(chunk, slot)
    }
  }

  #cancel(chunk: ChunkIndex, slot: ChunkSlot): void {
    const { cache, mesh } = this.#context
    mesh.cancelChunk(cache.swarm.infoHash, chunk)
    cache.release(chunk, slot)
  }

  #askPeersFor(demand: Demand, chunks: ChunkSpan): void {
    const { cache, mesh } = this.#context
    if ((mesh.status(cache.swarm.infoHash)?.peers ?? 0) === 0) return
    for (let chunk: number = chunks.first; chunk < chunks.after && this.#peerBytes < PEER_FLIGHT_BYTES; chunk++) {
      const next = chunk as ChunkIndex
      if (!cache.isFree(next) || !peersHold(next, this.#view(next)) || this.#runTo(demand.file, next)) continue
      this.#askPeers(demand.file, next)
    }
  }

  #askPeers(file: ManifestFile, chunk: ChunkIndex): void {
    const { cache, mesh, extend } = this.#context
    const slot = cache.claim(file, chunk)
    const length = chunkLength(file, chunk)
    this.#peerBytes += length
    const fetching = mesh.fetchChunk(cache.swarm.infoHash, chunk).then(async (bytes) => {
      if (slot.state !== 'filling') return
      if (bytes?.byteLength === length) {
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
          this.#peerBytes -= length
          for (const demand of this.demands.all) this.ahead(demand)
        }),
    )
  }

  #askOriginEarly(demand: Demand): void {
    const { file, media, position } = demand
    const own = [...this.#runs].find((run) => run.file === file && run.position >= position && !run.stopped)
    if (!own || own.end - own.position > Math.max(ASK_EARLY_BYTES, own.bytesPerMs * ASK_EARLY_MS)) return
    const next = chunkAt(file, own.end)
    const inReach = own.end < demand.end && own.end < position + originSpan(media, this.#view(next), this.#bytesPerMs)
    const onItsWay = !this.#context.cache.isFree(next) || this.#beingAsked(next) || this.#runTo(file, next)
    if (!inReach || onItsWay || this.#supplierFor(demand, next).kind !== 'origin') return
    // Nobody waits for this one: when it fails, the reader that gets here asks again and is told.
    this.#context.extend(this.#startRun(demand, next).catch(() => undefined))
  }

  #supplierFor(demand: Demand, chunk: ChunkIndex) {
    const distance = bytesOfChunk(demand.file, chunk).start - demand.begin
    return supplierFor({ chunk, media: demand.media, distance, slackMs: demand.slackMs() }, this.#view(chunk))
  }

  #view(chunk: ChunkIndex): MeshView {
    const { mesh, cache } = this.#context
    const { infoHash } = cache.swarm
    return {
      status: mesh.status(infoHash),
      sinceJoinMs: mesh.sinceJoinMs(infoHash),
      refused: mesh.wasRefused(infoHash, chunk),
      late: Date.now() - this.#lateAt < LATE_FOR_MS,
    }
  }
}

/** First byte that peers are asked for ahead of a media element: nothing that the origin is bringing already. */
function mediaPeersFrom({ begin, position, slackMs }: Demand): number {
  const near = isUrgent(slackMs()) ? BRIDGE_BYTES : 0
  return Math.max(position + near, begin + BRIDGE_BYTES)
}

/** The chunk that holds the byte of `file` at `position`. */
export function chunkAt(file: ManifestFile, position: number): ChunkIndex {
  return (file.firstChunk + Math.floor(position / file.chunkSize)) as ChunkIndex
}
