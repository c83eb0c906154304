import SimplePeer from 'simple-peer'
import type { LinkTransfer } from '../lib/commands.ts'
import { Meter, type Pipe } from './raw-pipe.ts'

const GATHER_MS = 1_500

/** The same through simple-peer. */
export class PeerPipe implements Pipe {
  readonly description: Promise<string>
  readonly open: Promise<void>
  readonly #peer: SimplePeer
  readonly #initiator: boolean
  readonly #meter = new Meter()

  constructor(initiator: boolean) {
    this.#initiator = initiator
    const peer = new SimplePeer({ initiator, trickle: false, iceCompleteTimeout: GATHER_MS, config: {} })
    this.#peer = peer
    this.description = new Promise((resolve) => peer.on('signal', (signal) => resolve(sdpOf(signal))))
    this.open = new Promise((resolve) => peer.on('connect', () => resolve()))
    peer.on('data', (data) => this.#meter.add(data instanceof Uint8Array ? data.length : 0))
  }

  take(description: string): void {
    this.#peer.signal({ type: this.#initiator ? 'answer' : 'offer', sdp: description })
  }

  async send(message: Uint8Array<ArrayBuffer>): Promise<void> {
    const { promise, resolve } = deferred()
    if (this.#peer.write(message, resolve)) return
    await promise
  }

  received(bytes: number): Promise<LinkTransfer> {
    return this.#meter.reach(bytes)
  }

  close(): void {
    this.#peer.destroy()
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

function sdpOf(signal: unknown): string {
  if (typeof signal === 'object' && signal !== null && 'sdp' in signal && typeof signal.sdp === 'string')
    return signal.sdp
  throw new Error('simple-peer signals something else than a description')
}
