// The seam between the mesh and whatever carries its bytes: simple-peer in browsers and Node, pairs in tests.

export interface LinkEvents {
  onMessage(bytes: Uint8Array): void
  /** Less is buffered than before. */
  onDrain(): void
  /** Once, after anything else. */
  onClose(): void
}

/** An open connection that carries a stream of bytes in order. */
export interface Link {
  /** Bytes handed to `send` that have not left. */
  readonly buffered: number
  /** What tells this connection from all others, the same at both ends; undefined where the transport does not know. */
  readonly channel?: string | undefined
  /** Queues bytes; the link keeps them as they are, without a copy. */
  send(bytes: Uint8Array): void
  close(): void
  /** To be called once, at once: what arrives before would be lost. */
  listen(events: LinkEvents): void
}

/** A connection under negotiation. */
export interface Negotiation {
  /** Session description to hand to the other side. */
  readonly sdp: string
  /** Resolves when bytes can flow; rejects when they never will. */
  readonly opened: Promise<Link>
  /** Frees everything; `opened` rejects. Does nothing to a link that has opened. */
  abandon(): void
}

export interface Offer extends Negotiation {
  /** Goes on with the other side's answer. */
  accept(answerSdp: string): void
}

/** Makes connections. Both calls reject when no connection can be made here at all. */
export interface Transport {
  offer(): Promise<Offer>
  answer(offerSdp: string): Promise<Negotiation>
}

/** A text socket to a tracker. */
export interface TextSocket {
  send(text: string): void
  close(): void
}

export interface TextSocketEvents {
  onOpen(): void
  onText(text: string): void
  /** Once, whether it ever opened or not. */
  onClose(): void
}

export type OpenSocket = (url: string, events: TextSocketEvents) => TextSocket
