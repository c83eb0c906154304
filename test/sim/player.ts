import type { FileReader, ReaderOptions } from './download.ts'

/** A player starts with this much, and goes on with it after it ran dry. */
const ENOUGH_MS = 500
/** As protocol/bridge.ts has it. */
const REPORT_MS = 250
/** With less than this share of its target, a player reads on. */
const READ_ON = 0.75

export interface PlayerOptions extends ReaderOptions {
  /** Bytes per millisecond of film. */
  readonly rate: number
  /** How far ahead it reads. */
  readonly targetMs: number
  /** Where it goes when it has played for so long: milliseconds of film. */
  readonly seeks: readonly { readonly afterMs: number; readonly toMs: number }[]
}

type State = { readonly kind: 'waiting'; readonly for: 'start' | 'more' | 'seek' } | { readonly kind: 'playing' }

/** A media element: reads some way ahead, plays at the film's rate, stands still when it runs dry, and jumps. */
export class Player implements FileReader {
  readonly #options: PlayerOptions
  readonly #size: number
  #state: State = { kind: 'waiting', for: 'start' }
  /** When the state began, and what was on the screen then, in milliseconds of film. */
  #sinceMs: number
  #shownMs = 0
  /** First byte that it does not have. */
  #position = 0
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined
  #wake: () => void = () => undefined
  #ended: () => void = () => undefined
  #isStopped = false
  /** Grows with every jump: what was asked for before is not for us any more. */
  #jumps = 0

  constructor(options: PlayerOptions) {
    this.#options = options
    this.#size = options.content.file.size
    this.#sinceMs = options.time.now()
  }

  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve
    })
    const { time, seeks } = this.#options
    for (const { afterMs, toMs } of seeks) time.after(afterMs, () => this.#seek(toMs))
    this.#reportLater()
    while (!this.#isOver) {
      if (this.#aheadMs > this.#options.targetMs || this.#position >= this.#size) await this.#rest()
      else await this.#readOn()
    }
    await ended
  }

  stop(): void {
    this.#isStopped = true
    this.#body?.cancel().catch(() => undefined)
    this.#wake()
    this.#ended()
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#options.readout.doneMs !== undefined
  }

  /** What is on the screen, in milliseconds of film. */
  get #nowShownMs(): number {
    return this.#shownMs + (this.#state.kind === 'playing' ? this.#options.time.now() - this.#sinceMs : 0)
  }

  get #aheadMs(): number {
    return this.#position / this.#options.rate - this.#nowShownMs
  }

  async #readOn(): Promise<void> {
    const { source, content, readout, time, startMs } = this.#options
    const jumps = this.#jumps
    if (!this.#body) {
      const response = await source.open(this.#position)
      if (response.status !== 206 || !response.body) throw new Error(`a player was answered with ${response.status}`)
      const body = response.body.getReader()
      if (jumps !== this.#jumps || this.#isStopped) {
        await body.cancel().catch(() => undefined)
        return
      }
      this.#body = body
    }
    const { value } = await this.#body.read()
    if (jumps !== this.#jumps || this.#isStopped) return
    if (!value) {
      this.#body = undefined
      return
    }
    if (!content.isRight(this.#position, value)) throw new Error(`a wrong byte after ${this.#position}`)
    this.#position += value.length
    readout.firstByteMs ??= time.now() - startMs
    if (this.#state.kind === 'waiting' && this.#hasEnough) this.#play()
  }

  get #hasEnough(): boolean {
    return this.#aheadMs >= ENOUGH_MS || this.#position >= this.#size
  }

  /** Until it has played on, has jumped or is over. */
  #rest(): Promise<void> {
    const { time, targetMs } = this.#options
    const ms = this.#position >= this.#size ? Number.POSITIVE_INFINITY : this.#aheadMs - targetMs * READ_ON
    return new Promise((resolve) => {
      this.#wake = resolve
      if (ms !== Number.POSITIVE_INFINITY) time.after(ms, resolve)
    })
  }

  #play(): void {
    if (this.#state.kind !== 'waiting') return
    const { time, readout } = this.#options
    const waitedMs = time.now() - this.#sinceMs
    if (this.#state.for === 'start') readout.startUpMs = waitedMs
    else if (this.#state.for === 'seek') readout.seekMs.push(waitedMs)
    else readout.stalledMs += waitedMs
    this.#enter({ kind: 'playing' })
    this.#lookWhetherDry()
  }

  #enter(state: State): void {
    this.#shownMs = this.#nowShownMs
    this.#sinceMs = this.#options.time.now()
    this.#state = state
    this.#report()
  }

  #lookWhetherDry(): void {
    const jumps = this.#jumps
    this.#options.time.after(this.#aheadMs, () => {
      if (jumps !== this.#jumps || this.#isOver || this.#state.kind !== 'playing') return
      if (this.#aheadMs > 0) this.#lookWhetherDry()
      else if (this.#position >= this.#size) this.#end()
      else this.#runDry()
    })
  }

  #runDry(): void {
    const { readout, source } = this.#options
    readout.stalls++
    this.#enter({ kind: 'waiting', for: 'more' })
    source.ranDry()
  }

  #end(): void {
    const { readout, time, startMs } = this.#options
    readout.doneMs = time.now() - startMs
    this.#wake()
    this.#ended()
  }

  #seek(toMs: number): void {
    if (this.#isOver) return
    this.#jumps++
    this.#body?.cancel().catch(() => undefined)
    this.#body = undefined
    this.#enter({ kind: 'waiting', for: 'seek' })
    this.#position = Math.min(this.#size - 1, Math.floor(toMs * this.#options.rate))
    this.#shownMs = this.#position / this.#options.rate
    this.#report()
    this.#wake()
  }

  #report(): void {
    if (this.#options.readout.firstByteMs === undefined) return
    const slackMs = this.#position >= this.#size ? Number.POSITIVE_INFINITY : Math.max(0, this.#aheadMs)
    this.#options.source.report(slackMs, this.#size / this.#options.rate)
  }

  #reportLater(): void {
    this.#options.time.after(REPORT_MS, () => {
      if (this.#isOver) return
      this.#report()
      this.#reportLater()
    })
  }
}
