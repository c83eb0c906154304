import { type Id, nodeIdOf } from './id.ts'
import type { DhtEffect, DhtOptions, JobId } from './io.ts'
import { Outcasts } from './outcasts.ts'

/** Checks of signatures of records under way; more are refused. */
const MAX_VERIFYING = 128

/** What all parts of one node share: who it is, the time, and the way to the outside. */
export class Core {
  readonly id: Id
  readonly options: DhtOptions
  /** Of the input that is being handled. */
  nowMs: number
  #effects: DhtEffect[] = []
  readonly #outcasts = new Outcasts()
  #lastJob = 0
  readonly #signing = new Map<JobId, (signature: Uint8Array) => void>()
  readonly #verifying = new Map<JobId, (good: boolean) => void>()

  constructor(options: DhtOptions) {
    this.options = options
    this.id = nodeIdOf(options.publicKey, options.sha256)
    this.nowMs = options.nowMs
  }

  /** Seconds since 1970. */
  get wallS(): number {
    return Math.floor((this.options.epochMs + this.nowMs) / 1000)
  }

  emit(effect: DhtEffect): void {
    this.#effects.push(effect)
  }

  takeEffects(): DhtEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** From 0 to less than 1. */
  random(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.options.randomBytes(4)
    return (a * 0x1000000 + b * 0x10000 + c * 0x100 + d) / 0x100000000
  }

  /** `ms`, give or take a fifth, so that nodes do not act in step. */
  jittered(ms: number): number {
    return ms * (0.8 + 0.4 * this.random())
  }

  /** Gives up a node for what it did, for a while. */
  castOut(id: Id): void {
    this.#outcasts.add(id, this.nowMs)
  }

  isOutcast(id: Id): boolean {
    return this.#outcasts.has(id, this.nowMs)
  }

  sign(bytes: Uint8Array, then: (signature: Uint8Array) => void): void {
    const job = ++this.#lastJob as JobId
    this.#signing.set(job, then)
    this.emit({ kind: 'sign', job, bytes })
  }

  signed(job: JobId, signature: Uint8Array): void {
    const then = this.#signing.get(job)
    this.#signing.delete(job)
    then?.(signature)
  }

  verify(
    { publicKey, bytes, signature }: { publicKey: Uint8Array; bytes: Uint8Array; signature: Uint8Array },
    then: (good: boolean) => void,
  ): void {
    if (this.#verifying.size >= MAX_VERIFYING) {
      then(false)
      return
    }
    const job = ++this.#lastJob as JobId
    this.#verifying.set(job, then)
    this.emit({ kind: 'verify', job, publicKey, bytes, signature })
  }

  verified(job: JobId, good: boolean): void {
    const then = this.#verifying.get(job)
    this.#verifying.delete(job)
    then?.(good)
  }
}
