import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as settle } from 'node:timers/promises'
import fc from 'fast-check'
import { toHex } from '../../protocol/hex.ts'
import { bundled } from '../../test/harness/bundled.ts'
import { Duplex } from './readable-stream.ts'

// The stand-in against the package: the same is done to both, and both must tell the same.

type Step =
  | { readonly kind: 'push' | 'write'; readonly bytes: number }
  | { readonly kind: 'text' | 'listen' | 'complete' | 'at once' | 'later' | 'end' | 'destroy' | 'settle' }
type Done = (error?: Error | null) => void
type StreamClass = new (options: object) => Duplex

/** A stream whose writes end when the test says so. */
class Trial {
  /** What happened on either side, in order. Which side goes first within one turn of the event loop is left open. */
  readonly read: string[] = []
  readonly written: string[] = []
  readonly #stream: Duplex
  #pending: Done | undefined
  #isAtOnce = false
  #isHeard = false

  constructor(Base: StreamClass) {
    const write = (bytes: Uint8Array, done: Done) => {
      this.written.push(`_write ${bytes.length}`)
      if (this.#isAtOnce) done(null)
      else this.#pending = done
    }
    class Stream extends Base {
      override _write(bytes: Uint8Array, _: string, done: Done): void {
        write(bytes, done)
      }
      _read(): void {}
    }
    this.#stream = new Stream({ allowHalfOpen: false })
    this.#stream.on('end', () => this.read.push('end'))
    for (const event of ['finish', 'drain']) this.#stream.on(event, () => this.written.push(event))
    this.#stream.on('error', (error) => this.written.push(`error ${error instanceof Error ? error.message : error}`))
  }

  perform(step: Step, number: number): void {
    this.#perform(step, number)
    const { writableLength, writable, _readableState, _writableState } = this.#stream
    this.written.push(`${step.kind}: ${writableLength} ${writable} ${_readableState.ended} ${_writableState.finished}`)
  }

  #perform(step: Step, number: number): void {
    switch (step.kind) {
      case 'push':
        this.#push(Buffer.alloc(step.bytes, number))
        return
      case 'text':
        this.#push(`text ${number} ä`)
        return
      case 'listen':
        this.#listen()
        return
      case 'write':
        this.#write(step.bytes, number)
        return
      case 'complete':
        this.#complete()
        return
      case 'end':
        this.#stream.end()
        return
      case 'destroy':
        this.#destroy()
        return
      case 'at once':
      case 'later':
        this.#isAtOnce = step.kind === 'at once'
    }
  }

  #push(data: Uint8Array | string): void {
    // What comes in after its end, simple-peer drops itself.
    if (!this.#stream.destroyed) this.#stream.push(data)
  }

  #listen(): void {
    if (this.#isHeard) return
    this.#isHeard = true
    this.#stream.on('data', (value) =>
      this.read.push(value instanceof Uint8Array ? toHex(value) : `not bytes: ${value}`),
    )
  }

  #write(bytes: number, number: number): void {
    const onDone = (error?: Error | null) => this.written.push(`done ${number} ${error?.message ?? ''}`)
    this.written.push(`more ${this.#stream.write(Buffer.alloc(bytes), onDone)}`)
  }

  #complete(): void {
    const done = this.#pending
    this.#pending = undefined
    done?.(null)
  }

  /** What simple-peer does to its streams at its end. */
  #destroy(): void {
    this.#pending = undefined
    this.#stream.destroyed = true
    this.#stream.readable = this.#stream.writable = false
    if (!this.#stream._readableState.ended) this.#stream.push(null)
    if (!this.#stream._writableState.finished) this.#stream.end()
  }
}

async function story(Base: StreamClass, steps: readonly Step[]): Promise<Pick<Trial, 'read' | 'written'>> {
  const trial = new Trial(Base)
  for (const [number, step] of steps.entries()) {
    // Nothing is awaited otherwise: ticks and microtasks would mix.
    if (step.kind === 'settle') await settle()
    trial.perform(step, number)
  }
  await settle()
  const { read, written } = trial
  return { read, written }
}

const bytes = fc.integer({ min: 0, max: 20_000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('push', 'write'), bytes }),
  fc.record({ kind: fc.constantFrom('text', 'listen', 'complete', 'at once', 'later', 'settle', 'settle') }),
)

test('whatever simple-peer does to it, the stand-in tells what readable-stream tells', async (t) => {
  const { Duplex: Real }: { Duplex: StreamClass } = await bundled(t, 'readable-stream', 'real')
  const ending = fc.constantFrom<Step[]>([], [{ kind: 'end' }], [{ kind: 'destroy' }])
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), ending, fc.array(step, { maxLength: 6 }), async (a, b, c) => {
      const steps = [...a, ...b, ...c]
      assert.deepEqual(await story(Duplex, steps), await story(Real, steps))
    }),
    { numRuns: 500 },
  )
})

test('an error that nobody listens to is thrown', () => {
  const stream = new Duplex()
  stream.end()
  assert.throws(() => stream.write(Uint8Array.of(1)), /write after end/)
})

test('a listener that was added for once can be taken away before', () => {
  const stream = new Duplex()
  const heard: string[] = []
  const listener = () => heard.push('finish')
  stream.once('finish', listener)
  stream.once('finish', () => heard.push('other'))
  stream.removeListener('finish', listener)
  stream.end()
  assert.deepEqual(heard, ['other'])
})
