import { chunksOfFile } from '../../protocol/geometry.ts'
import { openMemoryValues } from '../../store/memory.ts'
import { AHEAD_BYTES } from '../../supply/demand.ts'
import { SwarmHashes } from '../../supply/hashes.ts'
import type { FileHead } from '../../supply/head.ts'
import { PATIENCE } from '../../supply/patience.ts'
import { ChunkSink } from '../../supply/sink.ts'
import { Supply } from '../../supply/supply.ts'
import { SwarmCache } from '../../supply/swarm-cache.ts'
import { answer, MediaCursors } from '../../sw/answer.ts'
import { Playbacks } from '../../sw/playbacks.ts'
import { targetOf } from '../../sw/route.ts'
import { Bridge } from './bridge.ts'
import type { PageOptions } from './page.ts'
import type { Source } from './source.ts'

const CHROME = 'Chrome/130.0.0.0'
const CLIENT = 'page'

/** What sw/accelerator.ts makes of its parts, for one swarm. */
export class Worker implements Source {
  readonly bridge: Bridge
  readonly cache: SwarmCache
  readonly supply: Supply
  readonly sink: ChunkSink
  /** Bytes that came verified from peers. */
  fromPeers = 0
  readonly #options: PageOptions
  readonly #cursors = new MediaCursors()
  readonly #playbacks = new Playbacks()
  readonly #hashes: SwarmHashes
  #head: FileHead | undefined

  static async open(options: PageOptions): Promise<Worker> {
    const { place, store } = options
    const { swarm, verifier } = place.content
    let worker: Worker | undefined
    const cache = await SwarmCache.open({
      swarm,
      store,
      isNew: store.held.length === 0,
      patience: PATIENCE,
      verifier: async () => verifier,
      verified: (_cache, file, chunk, slot) => {
        if (slot.source === 'peers' && worker) worker.fromPeers += slot.length
        else worker?.bridge.hold(chunk)
        worker?.sink.add({ swarm: swarm.infoHash, chunk, bytes: slot.bytes, chunkSize: file.chunkSize })
      },
      mismatched: (_cache, _file, chunk) => {
        throw new Error(`the origin's chunk ${chunk} does not match`)
      },
    })
    worker = new Worker(options, cache)
    return worker
  }

  private constructor(options: PageOptions, cache: SwarmCache) {
    this.#options = options
    this.cache = cache
    this.#hashes = new SwarmHashes(cache.swarm, options.place.url, openMemoryValues())
    this.bridge = new Bridge(options)
    this.supply = new Supply({
      cache,
      mesh: this.bridge,
      patience: PATIENCE,
      received: () => undefined,
      answered: (_file, origin) => {
        if (origin.kind === 'bytes') this.#head = origin.head
      },
      extend: () => undefined,
    })
    this.sink = new ChunkSink(options.store, {
      stored: (_swarm, chunks) => {
        cache.stored(chunks, (chunk) => this.supply.demands.comeTo(chunk, AHEAD_BYTES))
        this.bridge.stored(chunks)
      },
      shed: (_swarm, chunk) => cache.keepUnstored(chunk, this.supply.demands.comeTo(chunk)),
      makeRoom: async () => false,
      failed: (error) => {
        throw error
      },
    })
  }

  async open(start?: number): Promise<Response> {
    const { url, content } = this.#options.place
    void this.bridge.join()
    const request = new Request(url, start === undefined ? {} : { headers: { range: `bytes=${start}-` } })
    if (start !== undefined) Object.defineProperty(request, 'destination', { value: 'video' })
    const session = { cache: this.cache, supply: this.supply, hashes: this.#hashes, asked: new Set([content.file]) }
    return await answer(
      { request, clientId: CLIENT, target: targetOf(url), file: content.file, session, isMade: true },
      {
        userAgent: CHROME,
        cursors: this.#cursors,
        playback: () => this.#playbacks.now(CLIENT, url),
        head: () => this.#head,
        answered: (_file, origin) => {
          throw new Error(`the origin answered with ${origin.kind} ${origin.response.status}`)
        },
        served: () => undefined,
        streaming: () => () => undefined,
      },
    )
  }

  report(slackMs: number, lengthMs: number): void {
    this.#playbacks.report(CLIENT, this.#options.place.url, { slackMs, lengthMs })
  }

  ranDry(): void {
    this.bridge.easeUpload()
  }

  /** Bytes of chunks that are in memory. */
  get slotBytes(): number {
    const slots = this.cache.slots(chunksOfFile(this.#options.place.content.file))
    return slots.reduce((sum, [, slot]) => sum + slot.length, 0)
  }

  close(): void {
    this.bridge.close()
  }
}
