import type { Sha256Sync } from '../../protocol/merkle.ts'
import type { InfoHash } from '../../protocol/units.ts'
import { bytesOfText, type Id, joined } from '../dht/id.ts'
import type { DhtInput, DialId } from '../dht/io.ts'
import { DHT_EXTENSION } from '../dht/messages.ts'
import type { Extension, ExtensionEvents, ExtensionLine } from '../extension.ts'
import type { LinkId } from '../peer.ts'

interface Line {
  readonly line: ExtensionLine
  readonly infoHash: InfoHash
  /** Who has proven to be at the other end. */
  id: Id | undefined
}

export interface LinesOptions {
  /** Swarm of the links that only the DHT wants. */
  readonly ownSwarm: InfoHash
  readonly sha256: Sha256Sync
  readonly handle: (input: DhtInput) => void
  /** The dial that a link came of. */
  readonly dialOf: (line: ExtensionLine) => DialId | undefined
}

const MUTE: ExtensionEvents = { onMessage: () => undefined, onClose: () => undefined }

/** The DHT's view of all links: whatever swarm they are of, their other ends speak `tr_dht`. */
export class Lines {
  readonly #options: LinesOptions
  readonly #lines = new Map<LinkId, Line>()
  #lastLink = 0

  constructor(options: LinesOptions) {
    this.#options = options
  }

  /** What the links of a swarm are to speak. */
  extensionFor(infoHash: InfoHash): Extension {
    return { name: DHT_EXTENSION, open: (line) => this.#open(line, infoHash) }
  }

  send(link: LinkId, bytes: Uint8Array): void {
    this.#lines.get(link)?.line.send(bytes)
  }

  proven(link: LinkId, id: Id): void {
    const line = this.#lines.get(link)
    if (line) line.id = id
  }

  /** The DHT does not need this link any more. */
  release(link: LinkId): void {
    const known = this.#lines.get(link)
    if (known?.infoHash === this.#options.ownSwarm) known.line.close()
  }

  /** Nodes that we have a link with in a swarm. */
  membersOf(infoHash: InfoHash): Id[] {
    return [...this.#lines.values()].flatMap((line) =>
      line.infoHash === infoHash && line.id !== undefined ? [line.id] : [],
    )
  }

  #open(line: ExtensionLine, infoHash: InfoHash): ExtensionEvents {
    const { handle, dialOf } = this.#options
    const { channel } = line.link
    if (channel === undefined) return MUTE // nothing could be proven
    const link = ++this.#lastLink as LinkId
    this.#lines.set(link, { line, infoHash, id: undefined })
    const dial = dialOf(line)
    const channelBinding = this.#binding(channel, infoHash)
    handle({ kind: 'linkOpened', link, channelBinding, ...(dial !== undefined && { dial }) })
    return {
      onMessage: (bytes) => handle({ kind: 'received', link, bytes }),
      onClose: () => {
        this.#lines.delete(link)
        handle({ kind: 'linkClosed', link })
      },
    }
  }

  /** The first byte says whether only the DHT wants the link: of two links to one node, the larger binding goes. */
  #binding(channel: string, infoHash: InfoHash): Uint8Array {
    const isOurs = infoHash === this.#options.ownSwarm
    return joined([Uint8Array.of(isOurs ? 1 : 0), this.#options.sha256(bytesOfText(channel))])
  }
}
