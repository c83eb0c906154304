import type { ChunkIndex } from '../../protocol/units.ts'
import { Download, type FileReader, newReadout, type Readout } from './download.ts'
import { HeldStore } from './held-store.ts'
import { Line } from './line.ts'
import { Page } from './page.ts'
import { type Place, pause, type World } from './place.ts'
import { Player } from './player.ts'
import { bytesPerMs, type Group, type Scenario } from './scenario.ts'
import { plainSource, type Source } from './source.ts'
import { Worker } from './worker.ts'

/** How one visitor fared. */
export interface Result extends Readout {
  readonly group: Group
  readonly startMs: number
  readonly originBytes: number
  readonly peerBytes: number
  readonly uploaded: number
  readonly peers: number
  /** The most bytes of chunks in memory, and waiting to be stored. */
  readonly mostBytes: number
}

interface VisitorOptions {
  readonly place: Place
  readonly group: Group
  readonly scenario: Scenario
  readonly tributary: boolean
  readonly startMs: number
  /** From 0 to less than 1: where in the film it goes. */
  readonly places: readonly number[]
}

const SAMPLE_MS = 500

/** One visitor from its first request until its page is closed. */
export class Visitor {
  readonly place: Place
  readonly #options: VisitorOptions
  readonly #store: HeldStore
  readonly #readout = newReadout()
  #worker: Worker | undefined
  #stranger: Page | undefined
  #reader: FileReader | undefined
  #uploaded = 0
  #peerBytes = 0
  #peers = 0
  #mostBytes = 0
  #isClosed = false

  /** @param random what a visitor is like must not hang on what happens: only so can runs be compared */
  static ofScenario(world: World, scenario: Scenario, tributary: boolean, random: () => number): Visitor[] {
    const { time } = world
    const { seeksAtMs = [], seeksTo } = scenario.media ?? {}
    let count = 0
    return scenario.groups.flatMap((group) =>
      Array.from({ length: group.count }, (_, i) => {
        const [least, most] = group.latencyMs
        const line = new Line(time, {
          down: bytesPerMs(group.down),
          up: bytesPerMs(group.up),
          latencyMs: least + random() * (most - least),
          loss: group.loss ?? 0,
          closed: random() < (group.closed ?? 0),
        })
        const place = { ...world, line, url: `https://visitor-${count++}.sim/file.bin` }
        const startMs = (group.fromMs ?? 0) + i * (group.everyMs ?? 0)
        const places = seeksAtMs.map(() => seeksTo ?? random())
        return new Visitor({ place, group, scenario, tributary, startMs, places })
      }),
    )
  }

  constructor(options: VisitorOptions) {
    this.#options = options
    this.place = options.place
    this.#store = new HeldStore(options.place.time, options.place.content)
  }

  /** Resolves when it has the file. */
  async run(): Promise<void> {
    const { group, startMs, tributary } = this.#options
    const { time } = this.place
    await pause(time, startMs)
    if (group.role !== 'reader') return tributary ? await this.#deceive() : undefined
    if (group.away) await this.#goAway(group.away)
    else await this.#visit()
    if (group.leavesAfterMs !== undefined) time.after(group.leavesAfterMs, () => this.close())
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#leave()
    this.#stranger?.close()
  }

  result(): Result {
    const { group, startMs } = this.#options
    return {
      ...this.#readout,
      group,
      startMs,
      originBytes: this.place.origin.sentTo.get(this.place.line) ?? 0,
      peerBytes: this.#peerBytes,
      uploaded: this.#uploaded,
      peers: this.#peers,
      mostBytes: this.#mostBytes,
    }
  }

  async #visit(): Promise<void> {
    const { tributary } = this.#options
    const source = tributary ? await this.#open() : plainSource(this.place)
    this.#reader = this.#readerOf(source)
    await this.#reader.run()
  }

  /** Closes the page in the middle, and opens it again on what was stored. */
  async #goAway({ afterMs, forMs }: NonNullable<Group['away']>): Promise<void> {
    const visit = this.#visit()
    await pause(this.place.time, afterMs)
    this.#leave()
    await visit
    await pause(this.place.time, forMs)
    await this.#visit()
  }

  async #open(): Promise<Worker> {
    const { group } = this.#options
    const worker = await Worker.open({ place: this.place, store: this.#store, sharing: group.sharing ?? true })
    this.#worker = worker
    this.#watch(worker)
    return worker
  }

  #leave(): void {
    this.#reader?.stop()
    const worker = this.#worker
    if (!worker) return
    this.#uploaded += worker.bridge.page.uploaded
    this.#peers = worker.bridge.page.peers
    this.#peerBytes += worker.fromPeers
    worker.close()
    this.#worker = undefined
  }

  #readerOf(source: Source): FileReader {
    const { scenario, startMs, places } = this.#options
    const { time, content } = this.place
    const options = { time, content, source, startMs, readout: this.#readout }
    if (!scenario.media) return new Download(options)
    const { rate, targetMs, seeksAtMs = [] } = scenario.media
    const lengthMs = content.file.size / bytesPerMs(rate)
    const seeks = seeksAtMs.map((afterMs, i) => ({ afterMs, toMs: (places[i] ?? 0) * lengthMs }))
    return new Player({ ...options, rate: bytesPerMs(rate), targetMs, seeks })
  }

  /** Joins as somebody who holds everything. */
  async #deceive(): Promise<void> {
    const { group } = this.#options
    const { vanishesAtMs = Number.POSITIVE_INFINITY } = group
    const { time } = this.place
    this.#store.hold({ first: 0 as ChunkIndex, after: this.place.content.swarm.chunkCount as ChunkIndex })
    this.#stranger = new Page({
      place: this.place,
      store: this.#store,
      sharing: true,
      isDead: group.role === 'dead',
      tap: group.role === 'liar' ? spoil : (bytes) => (time.now() < vanishesAtMs ? bytes : undefined),
    })
    await this.#stranger.join()
  }

  #watch(worker: Worker): void {
    this.#mostBytes = Math.max(this.#mostBytes, worker.slotBytes, worker.sink.pendingBytes)
    this.place.time.after(SAMPLE_MS, () => {
      if (this.#worker === worker) this.#watch(worker)
    })
  }
}

/** The wire's number for a block (BEP 3), and where its bytes begin in a message. */
const PIECE = 7
const PIECE_BYTES_AT = 13

function spoil(message: Uint8Array): Uint8Array {
  if (message[4] !== PIECE) return message
  const wrong = message.slice()
  wrong[PIECE_BYTES_AT] = (wrong[PIECE_BYTES_AT] ?? 0) ^ 1
  return wrong
}
