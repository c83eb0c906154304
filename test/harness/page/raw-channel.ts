/** A bare data channel between two pages: what the machine can do without us. The test carries the descriptions. */
export class RawChannel {
  readonly #connection = new RTCPeerConnection()
  #channel: RTCDataChannel | undefined
  #received = 0
  #firstAt = 0
  #lastAt = 0

  async offer(): Promise<string> {
    this.#channel = this.#connection.createDataChannel('raw')
    await this.#connection.setLocalDescription(await this.#connection.createOffer())
    return await this.#described()
  }

  async answer(offer: string): Promise<string> {
    this.#connection.ondatachannel = ({ channel }) => {
      channel.binaryType = 'arraybuffer'
      channel.onmessage = ({ data }) => this.#receive(data)
    }
    await this.#connection.setRemoteDescription({ type: 'offer', sdp: offer })
    await this.#connection.setLocalDescription(await this.#connection.createAnswer())
    return await this.#described()
  }

  /** Sends `bytes` in messages of 16 KiB, as full as the channel takes them. */
  async send(answer: string, bytes: number): Promise<void> {
    const channel = this.#channel
    if (!channel) throw new Error('no offer was made')
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer })
    if (channel.readyState !== 'open') await new Promise((resolve) => channel.addEventListener('open', resolve))
    channel.bufferedAmountLowThreshold = 128 * 1024
    const message = new Uint8Array(16 * 1024)
    for (let sent = 0; sent < bytes; sent += message.length) {
      if (channel.bufferedAmount > 256 * 1024)
        await new Promise((resolve) => channel.addEventListener('bufferedamountlow', resolve, { once: true }))
      channel.send(message)
    }
  }

  /** What came, and how long it took from the first message to the last. */
  progress(): { bytes: number; ms: number } {
    return { bytes: this.#received, ms: this.#lastAt - this.#firstAt }
  }

  close(): void {
    this.#connection.close()
  }

  #receive(data: ArrayBuffer): void {
    if (this.#received === 0) this.#firstAt = performance.now()
    this.#received += data.byteLength
    this.#lastAt = performance.now()
  }

  async #described(): Promise<string> {
    if (this.#connection.iceGatheringState !== 'complete')
      await new Promise<void>((resolve) => {
        this.#connection.onicegatheringstatechange = () => {
          if (this.#connection.iceGatheringState === 'complete') resolve()
        }
      })
    return this.#connection.localDescription?.sdp ?? ''
  }
}
