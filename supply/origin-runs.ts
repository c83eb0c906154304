import { type ByteSpan, bytesOfChunk, type ChunkSpan, chunksCovering, includes } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { type ChunkIndex, KiB } from '../protocol/units.ts'
import type { Demand, Demands } from './demand.ts'
import { versionOf } from './head.ts'
import { askOrigin, type OriginAnswer } from './origin.ts'
import { OriginRun } from './origin-run.ts'
import type { SupplyContext } from './supply.ts'
import { Throughput } from './throughput.ts'

/** The origin is asked for its next stretch while this much is still to come, and what comes until it has answered. */
const ASK_EARLY_BYTES = 8 * KiB
const MAX_ANSWER_MS = 400

/** A reader does without what comes within this time until the last of it is here. */
const MOMENT_MS = 50

/** What has come is told as on its way for so long: by then it is stored, and told as held. */
const STORING_MS = 1_500

/** A request to the origin whose response nobody has taken up yet. */
interface Asking {
  readonly chunks: ChunkSpan
  readonly taken: Promise<unknown>
}

/** As many stretches fit a message to peers (docs/spec/wire.md). */
const MAX_ANNOUNCED = 8

/** Requests to the origin for chunks of one swarm: those that wait for an answer, and those whose bytes come. */
export class OriginRuns {
  readonly #throughput = new Throughput()
  /** How long the origin takes from a request to its first byte, of late. */
  #answerMs = 0
  #askedMs: number | undefined
  readonly #context: SupplyContext
  readonly #demands: Demands
  readonly #almostOver: () => void
  readonly #runs = new Set<OriginRun>()
  readonly #asking = new Set<Asking>()
  /** Came of late, and may not be stored yet. */
  #over: { readonly chunks: ChunkSpan; readonly untilMs: number }[] = []

  /** @param almostOver called when a run has little left to bring, and when it is over */
  constructor(context: SupplyContext, demands: Demands, almostOver: () => void) {
    this.#context = context
    this.#demands = demands
    this.#almostOver = almostOver
  }

  /** Bytes per millisecond that the origin has brought of late; 0 while it is too early to tell. */
  get perMs(): number {
    return this.#throughput.perMs ?? 0
  }

  /** Whether the origin has enough to do for the moment. */
  get isBusy(): boolean {
    return this.#asking.size > 0 || [...this.#runs].some((run) => this.#hasMuchLeft(run))
  }

  /**
   * Asks the origin for a stretch of whole chunks, or where an earlier transfer of the first one broke off.
   * @param take does with the answer what is to be done; until then nobody else asks for these chunks
   * @throws TypeError when the origin cannot be reached, AbortError when it does not answer in time
   */
  async ask<T>(
    { file, access }: Pick<Demand, 'file' | 'access'>,
    span: ByteSpan,
    take: (answer: OriginAnswer, asked: ByteSpan) => T,
  ): Promise<T> {
    this.#askedMs = Date.now()
    const asked = askOrigin({ ...access, file, span, patience: this.#context.patience.origin })
    const taken = asked.then((answer) => take(answer, span))
    const asking = { chunks: chunksCovering(file, span), taken: taken.catch(() => undefined) }
    this.#asking.add(asking)
    this.#announce()
    try {
      return await taken
    } finally {
      this.#asking.delete(asking)
    }
  }

  /**
   * Takes up an origin response: its bytes up to `end` become chunks.
   * @param paced whether it runs no faster than its readers want
   */
  adopt(file: ManifestFile, answer: OriginAnswer & { kind: 'bytes' }, end: number, paced: boolean): OriginRun {
    const { cache, extend, patience } = this.#context
    this.#context.answered(file, answer)
    // An origin without ranges sends the whole file, and could not be asked for the rest.
    const isWhole = answer.response.status === 200
    let askedMs = this.#askedMs
    this.#askedMs = undefined
    const run = new OriginRun({
      file,
      cache,
      body: answer.response.body ?? new ReadableStream(),
      span: answer.span,
      end: isWhole ? answer.span.end : end,
      answersRanges: !isWhole,
      demands: paced || isWhole ? this.#demands : undefined,
      version: versionOf(answer.head),
      patience: patience.origin,
      momentBytes: () => this.perMs * MOMENT_MS,
      received: (bytes) => {
        this.#answered(askedMs)
        askedMs = undefined
        this.#received(run, bytes)
      },
    })
    this.#runs.add(run)
    this.#throughput.begin()
    extend(
      run.done.then(() => {
        this.#throughput.end()
        this.#runs.delete(run)
        this.#over.push({ chunks: run.chunks, untilMs: Date.now() + STORING_MS })
        this.#announce()
        this.#almostOver()
      }),
    )
    return run
  }

  #answered(askedMs: number | undefined): void {
    if (askedMs === undefined) return
    const ms = Math.min(MAX_ANSWER_MS, Date.now() - askedMs)
    this.#answerMs = Math.max(ms, (this.#answerMs + ms) / 2)
  }

  #received(run: OriginRun, bytes: number): void {
    this.#throughput.add(bytes)
    this.#context.received(bytes)
    if (!this.#hasMuchLeft(run)) this.#almostOver()
  }

  #hasMuchLeft(run: OriginRun): boolean {
    return !run.stopped && run.end - run.position > ASK_EARLY_BYTES + this.perMs * this.#answerMs
  }

  /** Peers are about: what readers asked for while they were alone ends `bytes` after its start. */
  shorten(bytes: number): void {
    for (const run of this.#runs) run.shorten(bytes)
  }

  /** Ends runs of the file that lead to nothing of `near`, nor to what another reader wants. */
  stopAwayFrom(file: ManifestFile, near: ByteSpan): void {
    for (const run of this.#runs) {
      const leadsThere = run.end > near.start && run.position < near.end
      if (run.file === file && !leadsThere && !this.#demands.wants(file, run.position)) run.stop()
    }
  }

  /** The run that gets to the first missing byte of the chunk soon. */
  runTo({ file, media }: Demand, chunk: ChunkIndex): OriginRun | undefined {
    const position = bytesOfChunk(file, chunk).start + this.#context.cache.leftover(chunk)
    return [...this.#runs].find((run) => run.file === file && run.leadsTo(position, media))
  }

  /** The run that is at or beyond a position of the file. */
  runFrom(file: ManifestFile, position: number): OriginRun | undefined {
    return [...this.#runs].find((run) => run.file === file && run.position >= position && !run.stopped)
  }

  /** Resolves when the request for the chunk is answered; undefined when there is none. */
  asked(chunk: ChunkIndex): Promise<unknown> | undefined {
    return [...this.#asking].find(({ chunks }) => includes(chunks, chunk))?.taken
  }

  /** Tells whether nobody has or brings a chunk, as things are now. */
  get free(): (chunk: ChunkIndex) => boolean {
    const coming = this.#chunks
    return (chunk) => this.#context.cache.isFree(chunk) && !coming.some((chunks) => includes(chunks, chunk))
  }

  /** What is asked for or on its way. */
  get #chunks(): ChunkSpan[] {
    return [...this.#asking, ...this.#runs].map(({ chunks }) => chunks)
  }

  #announce(): void {
    const { cache, mesh } = this.#context
    this.#over = this.#over.filter(({ untilMs }) => untilMs > Date.now())
    const chunks = [...this.#chunks, ...this.#over.map((one) => one.chunks)]
    mesh.loading(cache.swarm.infoHash, chunks.slice(-MAX_ANNOUNCED))
  }
}
