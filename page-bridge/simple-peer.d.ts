// The part that is used. The published types bring all of Node's globals into the page's realm.
// biome-ignore lint/style/noDefaultExport: it is what the package has
export default class SimplePeer {
  constructor(options: {
    readonly initiator: boolean
    readonly trickle: boolean
    readonly iceCompleteTimeout: number
    readonly config: RTCConfiguration
    readonly channelConfig?: RTCDataChannelInit
  })
  readonly bufferSize: number
  readonly writableLength: number
  signal(description: { type: 'offer' | 'answer'; sdp: string }): void
  write(bytes: Uint8Array, done: () => void): boolean
  on(event: 'signal' | 'data', listener: (value: unknown) => void): this
  on(event: 'connect' | 'close' | 'error', listener: () => void): this
  destroy(): void
}
