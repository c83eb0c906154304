import { encodeMessage, type Sendable } from '../../protocol/wire/encode.ts'
import { FrameDecoder } from '../../protocol/wire/frame-decoder.ts'
import { encodeHandshake } from '../../protocol/wire/handshake.ts'
import type { WireMessage } from '../../protocol/wire/messages.ts'
import {
  INFO_HASH,
  peerId,
  type VirtualClock,
  type VirtualLink,
  type VirtualPeer,
  virtualLinks,
} from './virtual-mesh.ts'

/** A peer that is nothing but bytes: it has greeted, and says what it is told to. */
export class Stranger {
  readonly link: VirtualLink
  /** What the other side said, byte fields copied. */
  readonly heard: WireMessage[] = []

  constructor(clock: VirtualClock, victim: VirtualPeer, number = 99, bytesPerMs = 10_000) {
    const [mine, theirs] = virtualLinks(clock, { bytesPerMs })
    this.link = mine
    const decoder = new FrameDecoder()
    mine.listen({
      onMessage: (bytes) => {
        for (const arrival of decoder.push(bytes.slice())) if (arrival.kind !== 'handshake') this.heard.push(arrival)
      },
      onDrain: () => undefined,
      onClose: () => undefined,
    })
    victim.driver.addLink(theirs, { initiator: false })
    mine.send(encodeHandshake({ infoHash: INFO_HASH, peerId: peerId(number), extended: true, fast: true, v2: false }))
  }

  say(message: Sendable): void {
    this.link.send(encodeMessage(message))
  }

  /** What it heard of one kind. */
  of<K extends WireMessage['kind']>(kind: K): Extract<WireMessage, { kind: K }>[] {
    return this.heard.filter((message): message is Extract<WireMessage, { kind: K }> => message.kind === kind)
  }
}
