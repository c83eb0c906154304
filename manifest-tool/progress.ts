import { SingleBar } from 'cli-progress'
import type { BuildProgress } from './build-manifest.ts'
import { type Io, printLine } from './io.ts'
import { shownSize } from './quantity.ts'

/** Without a terminal, a line this often. */
const LINE_INTERVAL_MS = 5_000
/** Work done sooner than this needs no bar. */
const BAR_DELAY_MS = 200

/** Progress of reading files, on stderr: a bar on a terminal, else plain lines now and then. */
export class ReadingProgress implements BuildProgress {
  readonly #io: Io
  #total = 0
  #done = 0
  #startedMs = 0
  #lineMs = 0
  #bar: SingleBar | undefined

  constructor(io: Io) {
    this.#io = io
  }

  start(total: number): void {
    this.stop()
    this.#total = total
    this.#done = 0
    this.#startedMs = performance.now()
    this.#lineMs = this.#startedMs
  }

  add(bytes: number): void {
    this.#done += bytes
    const nowMs = performance.now()
    if (!this.#io.stderr.isTTY) this.#line(nowMs)
    else if (this.#bar) this.#bar.update(this.#done, this.#figures(nowMs))
    else if (nowMs - this.#startedMs > BAR_DELAY_MS) this.#open(nowMs)
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #open(nowMs: number): void {
    this.#bar = new SingleBar({
      format: 'reading [{bar}] {percentage}% of {size}, {rate}/s, {left} left',
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    })
    this.#bar.start(this.#total, this.#done, this.#figures(nowMs))
  }

  #line(nowMs: number): void {
    if (nowMs - this.#lineMs < LINE_INTERVAL_MS) return
    this.#lineMs = nowMs
    const { rate, left } = this.#figures(nowMs)
    const percentage = Math.floor((100 * this.#done) / this.#total)
    printLine(this.#io.stderr, `reading: ${percentage}% of ${shownSize(this.#total)}, ${rate}/s, ${left} left`)
  }

  #figures(nowMs: number): { size: string; rate: string; left: string } {
    const rate = (1000 * this.#done) / Math.max(1, nowMs - this.#startedMs)
    const seconds = rate === 0 ? 0 : Math.ceil((this.#total - this.#done) / rate)
    return { size: shownSize(this.#total), rate: shownSize(Math.round(rate)), left: shownDuration(seconds) }
  }
}

function shownDuration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  if (h > 0) return `${h} h ${m} min`
  return m > 0 ? `${m} min ${s} s` : `${s} s`
}
