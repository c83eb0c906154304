import type { LinkTransfer } from '../lib/commands.ts'

/** One end of a connection that carries bytes one way. */
export interface Pipe {
  /** All that the other end needs, once all candidates are known. */
  readonly description: Promise<string>
  readonly open: Promise<void>
  /** Takes the other end's description. */
  take(description: string): void
  /** Resolves when the next message may be sent. */
  send(message: Uint8Array<ArrayBuffer>): Promise<void>
  /** Resolves when so many bytes have come; the time counts from the first of them. */
  received(bytes: number): Promise<LinkTransfer>
  close(): void
}

/** Counts what comes in. */
export class Meter {
  #bytes = 0
  #firstMs = 0
  #wanted = Number.POSITIVE_INFINITY
  #tell: ((transfer: LinkTransfer) => void) | undefined

  add(bytes: number): void {
    if (this.#bytes === 0) this.#firstMs = performance.now()
    this.#bytes += bytes
    this.#check()
  }

  reach(bytes: number): Promise<LinkTransfer> {
    return new Promise((resolve) => {
      this.#wanted = bytes
      this.#tell = resolve
      this.#check()
    })
  }

  #check(): void {
    if (this.#bytes >= this.#wanted) this.#tell?.({ bytes: this.#bytes, ms: performance.now() - this.#firstMs })
  }
}

const HIGH_WATER = 4 * 2 ** 20
const LOW_WATER = 2 ** 20

/** RTCDataChannel as the browser has it. */
export class RawPipe implements Pipe {
  readonly description: Promise<string>
  readonly open: Promise<void>
  readonly #connection = new RTCPeerConnection()
  readonly #channel: RTCDataChannel
  readonly #initiator: boolean
  readonly #meter = new Meter()
  #taken: (() => void) | undefined

  constructor(initiator: boolean) {
    this.#initiator = initiator
    this.#channel = this.#connection.createDataChannel('bench', { negotiated: true, id: 0 })
    this.#channel.binaryType = 'arraybuffer'
    this.#channel.bufferedAmountLowThreshold = LOW_WATER
    this.#channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#meter.add(data.byteLength)
    this.open = new Promise((resolve) => {
      this.#channel.onopen = () => resolve()
    })
    this.description = this.#describe()
  }

  take(description: string): void {
    const type = this.#initiator ? 'answer' : 'offer'
    void this.#connection.setRemoteDescription({ type, sdp: description }).then(() => this.#taken?.())
  }

  async send(message: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#channel.bufferedAmount > HIGH_WATER)
      await new Promise((resolve) => {
        this.#channel.onbufferedamountlow = resolve
      })
    this.#channel.send(message)
  }

  received(bytes: number): Promise<LinkTransfer> {
    return this.#meter.reach(bytes)
  }

  close(): void {
    this.#connection.close()
  }

  async #describe(): Promise<string> {
    const gathered = new Promise<void>((resolve) => {
      this.#connection.onicegatheringstatechange = () => {
        if (this.#connection.iceGatheringState === 'complete') resolve()
      }
    })
    if (!this.#initiator)
      await new Promise<void>((resolve) => {
        this.#taken = resolve
      })
    await this.#connection.setLocalDescription()
    await gathered
    return this.#connection.localDescription?.sdp ?? ''
  }
}
