import { clearLine, cursorTo } from 'node:readline'
import type { Writable } from 'node:stream'
import { type Log, textOfLog } from './log.ts'
import type { SeederStats } from './seeder.ts'

/** A line at the foot of a terminal that is written anew in place; events go above it. */
export class StatusLine {
  readonly #out: Writable & { readonly columns?: number }
  #text = ''
  #sampled: { readonly uploaded: number; readonly atMs: number } | undefined

  constructor(out: Writable & { readonly columns?: number }) {
    this.#out = out
  }

  readonly log: Log = (level, message, fields) => {
    this.#erase()
    this.#out.write(`${textOfLog(level, message, fields)}\n${this.#text}`)
  }

  show(stats: SeederStats, nowMs: number): void {
    this.#erase()
    const elapsed = this.#sampled ? nowMs - this.#sampled.atMs : 0
    const rate = this.#sampled && elapsed > 0 ? (1000 * (stats.uploaded - this.#sampled.uploaded)) / elapsed : 0
    this.#sampled = { uploaded: stats.uploaded, atMs: nowMs }
    this.#text = statusText(stats, rate).slice(0, (this.#out.columns || 80) - 1)
    this.#out.write(this.#text)
  }

  /** Leaves the last line standing. */
  end(): void {
    if (this.#text !== '') this.#out.write('\n')
    this.#text = ''
  }

  #erase(): void {
    if (this.#text === '') return
    clearLine(this.#out, 0)
    cursorTo(this.#out, 0)
  }
}

/** @param rate bytes per second */
export function statusText({ swarms, peers, uploaded, trackers }: SeederStats, rate: number): string {
  const up = [...trackers.values()].filter((isUp) => isUp).length
  const sent = `${(uploaded / 1e6).toFixed(1)} MB at ${((rate * 8) / 1e6).toFixed(1)} Mbit/s`
  return `swarms: ${swarms.length}, peers: ${peers}, sent: ${sent}, trackers: ${up} of ${trackers.size}`
}
