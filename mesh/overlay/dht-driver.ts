import type { Clock } from '../clock.ts'
import { Dht } from '../dht/dht.ts'
import type { Id } from '../dht/id.ts'
import type { DhtEffect, DhtInput, DhtOptions } from '../dht/io.ts'
import type { Identity, VerifySignature } from './identity.ts'

type Effect<K extends DhtEffect['kind']> = Extract<DhtEffect, { kind: K }>

/** Effects that are left to others. */
type Outside = Exclude<DhtEffect, Effect<'sign' | 'verify'>>

export interface DhtDriverOptions extends Pick<DhtOptions, 'sha256' | 'randomBytes' | 'epochMs' | 'links'> {
  readonly clock: Clock
  readonly identity: Identity
  readonly verify: VerifySignature
  readonly perform: (effect: Outside) => void
}

/** Runs a node of the DHT: gives it time and signatures, and hands on what it asks of the rest of the world. */
export class DhtDriver {
  readonly #options: DhtDriverOptions
  readonly #dht: Dht
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined
  #closed = false

  constructor(options: DhtDriverOptions) {
    this.#options = options
    const { clock, identity } = options
    this.#dht = new Dht({ ...options, publicKey: identity.publicKey, nowMs: clock.now() })
    this.#arm()
  }

  get id(): Id {
    return this.#dht.id
  }

  /** Nodes that we are linked with. */
  get links(): Id[] {
    return this.#dht.links
  }

  handle(input: DhtInput): void {
    if (this.#closed) return
    this.#step(input)
    // Timers of hidden pages are throttled; messages are not.
    if (input.kind !== 'tick' && this.#dht.wakeMs <= this.#options.clock.now()) this.#step({ kind: 'tick' })
    this.#arm()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #step(input: DhtInput): void {
    for (const effect of this.#dht.handle(input, this.#options.clock.now())) {
      if (effect.kind === 'sign') void this.#sign(effect)
      else if (effect.kind === 'verify') void this.#verify(effect)
      else this.#options.perform(effect)
    }
  }

  async #sign({ job, bytes }: Effect<'sign'>): Promise<void> {
    const signature = await this.#options.identity.sign(bytes).catch(() => undefined)
    if (signature !== undefined) this.handle({ kind: 'signed', job, signature })
  }

  async #verify({ job, publicKey, bytes, signature }: Effect<'verify'>): Promise<void> {
    const good = await this.#options.verify({ publicKey, bytes, signature }).catch(() => false)
    this.handle({ kind: 'verified', job, good })
  }

  /** One timer, for whatever comes first. */
  #arm(): void {
    const { wakeMs } = this.#dht
    if (this.#closed || this.#timer?.atMs === wakeMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (wakeMs === Number.POSITIVE_INFINITY) return
    const { clock } = this.#options
    const cancel = clock.after(Math.max(1, wakeMs - clock.now()), () => {
      this.#timer = undefined
      this.handle({ kind: 'tick' })
    })
    this.#timer = { atMs: wakeMs, cancel }
  }
}
