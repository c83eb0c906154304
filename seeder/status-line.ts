import { clearLine, cursorTo } from 'node:readline'
import type { Writable } from 'node:stream'
import { type Log, textOfLog } from './log.ts'
import type { SeederStats } from './seeder.ts'

/** What a status line tells. */
export interface Status {
  /** Bytes sent so far. */
  readonly sent: number
  /** @param sent the same for people, with its rate */
  readonly text: (sent: string) => string
}

/** A line at the foot of a terminal that is written anew in place; events go above it. */
export class StatusLine {
  readonly #out: Writable & { readonly columns?: number }
  #text = ''
  #sampled: { readonly sent: number; readonly atMs: number } | undefined

  constructor(out: Writable & { readonly columns?: number }) {
    this.#out = out
  }

  readonly log: Log = (level, message, fields) => {
    this.#erase()
    this.#out.write(`${textOfLog(level, message, fields)}\n${this.#text}`)
  }

  show({ sent, text }: Status, nowMs: number): void {
    this.#erase()
    const elapsed = this.#sampled ? nowMs - this.#sampled.atMs : 0
    const rate = this.#sampled && elapsed > 0 ? (1000 * (sent - this.#sampled.sent)) / elapsed : 0
    this.#sampled = { sent, atMs: nowMs }
    const shown = `${(sent / 1e6).toFixed(1)} MB at ${((rate * 8) / 1e6).toFixed(1)} Mbit/s`
    this.#text = text(shown).slice(0, (this.#out.columns || 80) - 1)
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

export function seederStatus({ swarms, peers, uploaded, trackers }: SeederStats): Status {
  return {
    sent: uploaded,
    text: (sent) => `swarms: ${swarms.length}, peers: ${peers}, sent: ${sent}, ${trackersText(trackers)}`,
  }
}

export function trackersText(trackers: ReadonlyMap<string, boolean>): string {
  const up = [...trackers.values()].filter((isUp) => isUp).length
  return `trackers: ${up} of ${trackers.size}`
}
