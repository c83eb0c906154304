import { Emitter } from './emitter.ts'

// Stands in for the `readable-stream` package: the part of a Duplex that simple-peer is built on.
// What it does there, it does here in the same order; `readable-stream.test.ts` holds both against each other.

type Done = (error?: Error | null) => void

interface Write {
  readonly bytes: Uint8Array
  readonly done: Done
}

/** Once so much waits to be written, `write` asks for a pause until `drain`. */
const HIGH_WATER = 16 * 1024
const encoder = new TextEncoder()

export class Duplex extends Emitter {
  destroyed = false
  readable = true
  writable = true
  // Looked at by simple-peer before it ends either side.
  readonly _readableState = { ended: false }
  readonly _writableState = { finished: false }
  /** What came in before anybody listened. */
  readonly #arrived: Uint8Array[] = []
  #flow: 'unheard' | 'starting' | 'flowing' | 'ended' = 'unheard'
  readonly #writes: Write[] = []
  #isWriting = false
  #isEnding = false
  #needsDrain = false
  /** Bytes that are written or wait for it. */
  #length = 0
  /** Writes that have not been reported as done. */
  #unreported = 0

  get writableLength(): number {
    return this.#length
  }

  /** The first listener to `data` starts the flow, in a moment: whatever else it listens to comes after. */
  override on(type: string, listener: (...details: readonly unknown[]) => void): this {
    super.on(type, listener)
    if (type === 'data' && this.#flow === 'unheard') {
      this.#flow = 'starting'
      queueMicrotask(() => {
        this.#flow = 'flowing'
        this.#deliver()
      })
    }
    return this
  }

  /** Hands in what was received; null: there will be no more. */
  push(data: Uint8Array | string | null): void {
    if (data === null) this._readableState.ended = true
    else {
      const bytes = typeof data === 'string' ? encoder.encode(data) : data
      if (bytes.length > 0) this.#arrived.push(bytes)
    }
    if (this.#flow === 'flowing') this.#deliver()
  }

  /** @returns whether more may be written at once */
  write(bytes: Uint8Array, done: Done = () => undefined): boolean {
    if (this.#isEnding) {
      const error = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })
      queueMicrotask(() => done(error))
      this.emit('error', error)
      return false
    }
    this.#length += bytes.length
    this.#unreported++
    this.#writes.push({ bytes, done })
    const isRoom = this.#length < HIGH_WATER
    this.#needsDrain ||= !isRoom
    this.#writeOn()
    return isRoom
  }

  end(): this {
    if (this.#isEnding) return this
    this.#isEnding = true
    this.#finish()
    this.writable = false
    return this
  }

  /** Sends one write on its way, and reports when the next may follow. */
  _write(_bytes: Uint8Array, _encoding: string, done: Done): void {
    done(new Error('_write() is not implemented'))
  }

  #deliver(): void {
    for (let bytes = this.#arrived.shift(); bytes !== undefined; bytes = this.#arrived.shift()) this.emit('data', bytes)
    if (!this._readableState.ended || this.#flow === 'ended') return
    this.#flow = 'ended'
    queueMicrotask(() => {
      this.readable = false
      this.emit('end')
    })
  }

  #writeOn(): void {
    while (!this.#isWriting) {
      const next = this.#writes.shift()
      if (next === undefined) return
      this.#isWriting = true
      let isWithin = true
      this._write(next.bytes, 'buffer', (error) => this.#written(next, { error, isWithin }))
      isWithin = false
    }
  }

  /** @param isWithin whether `_write` has not returned yet: then whoever wrote is told later, as it expects it */
  #written({ bytes, done }: Write, { error, isWithin }: { error: Error | null | undefined; isWithin: boolean }): void {
    this.#isWriting = false
    this.#length -= bytes.length
    const isLast = this.#isEnding && this.#length === 0
    const report = () => this.#report(done, { error, isLast })
    if (isWithin) {
      queueMicrotask(report)
      return
    }
    this.#writeOn()
    report()
  }

  #report(done: Done, { error, isLast }: { error: Error | null | undefined; isLast: boolean }): void {
    if (this.#length === 0 && this.#needsDrain && !isLast) {
      this.#needsDrain = false
      this.emit('drain')
    }
    this.#unreported--
    done(error)
    if (error) this.emit('error', error)
    this.#finish()
  }

  #finish(): void {
    if (!this.#isEnding || this.#unreported > 0 || this._writableState.finished) return
    this._writableState.finished = true
    this.emit('finish')
  }
}
