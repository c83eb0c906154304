import { KEEPALIVE_MS } from '../protocol/bridge.ts'

/** Sends the worker a sign of life at intervals, for as long as it has asked for. */
export class Keepalive {
  readonly #send: () => void
  #timer: ReturnType<typeof setInterval> | undefined
  #untilMs = 0

  constructor(send: () => void) {
    this.#send = send
  }

  extend(forMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, performance.now() + forMs)
    if (this.#timer !== undefined) return
    this.#send()
    this.#timer = setInterval(() => this.#beat(), KEEPALIVE_MS)
  }

  #beat(): void {
    if (performance.now() < this.#untilMs) {
      this.#send()
      return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
