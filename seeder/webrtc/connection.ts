import type { Link, LinkEvents, Negotiation } from '../../mesh/transport.ts'
import type { ConnectionId, FromWebRtc, ToWebRtc } from './messages.ts'

type AboutConnection = Extract<FromWebRtc, { readonly id: ConnectionId }>

export interface RemoteConnectionOptions {
  readonly tell: (message: ToWebRtc) => void
  /** It is over. */
  readonly forget: () => void
}

/** Below this, the sender is told to go on. */
const LOW_WATER = 128 * 1024

/** One connection that the WebRTC process makes. */
export class RemoteConnection {
  /** Resolves with our description; rejects when there will be none. */
  readonly described: Promise<Negotiation>
  readonly #id: ConnectionId
  readonly #options: RemoteConnectionOptions
  readonly #opened: Promise<Link>
  #describe!: (negotiation: Negotiation) => void
  #open!: (link: Link) => void
  #fail!: (error: Error) => void
  #refuse!: (error: Error) => void
  #link: RemoteLink | undefined
  #isOver = false

  constructor(id: ConnectionId, options: RemoteConnectionOptions) {
    this.#id = id
    this.#options = options
    this.described = new Promise((resolve, reject) => {
      this.#describe = resolve
      this.#refuse = reject
    })
    this.#opened = new Promise((resolve, reject) => {
      this.#open = resolve
      this.#fail = reject
    })
    this.#opened.catch(() => undefined) // whoever awaits it sees the rejection too
  }

  accept(sdp: string): void {
    if (!this.#isOver) this.#options.tell({ kind: 'accept', id: this.#id, sdp })
  }

  hear(message: AboutConnection): void {
    if (message.kind === 'described') {
      const abandon = () => {
        if (this.#link === undefined) this.#close('the connection was closed')
      }
      this.#describe({ sdp: message.sdp, opened: this.#opened, abandon })
    } else if (message.kind === 'opened') {
      const send = (bytes: Uint8Array) => this.#options.tell({ kind: 'send', id: this.#id, bytes })
      this.#link = new RemoteLink(message.channel, { send, close: () => this.#close('the connection was closed') })
      this.#open(this.#link)
    } else if (message.kind === 'received') this.#link?.received(message.bytes)
    else if (message.kind === 'left') this.#link?.left(message.bytes)
    else this.end(message.reason)
  }

  /** Nothing will be heard of it any more. */
  end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.forget()
    const error = new Error(reason)
    this.#refuse(error)
    this.#fail(error)
    this.#link?.ended()
  }

  #close(reason: string): void {
    if (this.#isOver) return
    this.#options.tell({ kind: 'close', id: this.#id })
    this.end(reason)
  }
}

interface RemoteLinkOptions {
  readonly send: (bytes: Uint8Array) => void
  readonly close: () => void
}

class RemoteLink implements Link {
  readonly channel: string | undefined
  readonly #options: RemoteLinkOptions
  #events: LinkEvents | undefined
  /** What came before anybody listened. */
  readonly #early: Uint8Array[] = []
  #sent = 0
  #left = 0
  #isClosed = false

  constructor(channel: string | undefined, options: RemoteLinkOptions) {
    this.channel = channel
    this.#options = options
  }

  get buffered(): number {
    return this.#isClosed ? 0 : this.#sent - this.#left
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#sent += bytes.length
    this.#options.send(bytes)
  }

  close(): void {
    this.#isClosed = true
    this.#options.close()
  }

  listen(events: LinkEvents): void {
    this.#events = events
    for (const bytes of this.#early.splice(0)) events.onMessage(bytes)
    if (this.#isClosed) events.onClose()
  }

  received(bytes: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#events) this.#events.onMessage(bytes)
    else this.#early.push(bytes)
  }

  left(bytes: number): void {
    this.#left = bytes
    if (!this.#isClosed && this.buffered <= LOW_WATER) this.#events?.onDrain()
  }

  /** The other side has ended it, or the process that kept it. */
  ended(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events?.onClose()
  }
}
