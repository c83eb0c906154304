import type { LinkId } from './peer.ts'
import type { Link } from './transport.ts'

/** An extension of the peer protocol (BEP 10) that is spoken on the links of swarms by somebody else than the swarms. */
export interface Extension {
  readonly name: string
  /** The other end of a link speaks it, too. @returns who hears what it says there */
  open(line: ExtensionLine): ExtensionEvents
}

/** One extension on one link. */
export interface ExtensionLine {
  readonly link: Link
  send(payload: Uint8Array): void
  /** Closes the link itself, for the swarm as well. */
  close(): void
}

export interface ExtensionEvents {
  /** `payload` is a view that is good until the call returns. */
  onMessage(payload: Uint8Array): void
  /** Once, after anything else. */
  onClose(): void
}

export interface LineHooks {
  send(link: LinkId, extension: string, payload: Uint8Array): void
  close(link: LinkId): void
}

/** All extensions on all links of one swarm. */
export class ExtensionLines {
  readonly #extensions: readonly Extension[]
  readonly #hooks: LineHooks
  readonly #lines = new Map<LinkId, Map<string, ExtensionEvents>>()

  constructor(extensions: readonly Extension[], hooks: LineHooks) {
    this.#extensions = extensions
    this.#hooks = hooks
  }

  open(id: LinkId, link: Link, name: string): void {
    const extension = this.#extensions.find((other) => other.name === name)
    if (extension === undefined) return
    const events = extension.open({
      link,
      send: (payload) => this.#hooks.send(id, name, payload),
      close: () => this.#hooks.close(id),
    })
    const ofLink = this.#lines.get(id) ?? new Map<string, ExtensionEvents>()
    this.#lines.set(id, ofLink.set(name, events))
  }

  received(id: LinkId, name: string, payload: Uint8Array): void {
    this.#lines.get(id)?.get(name)?.onMessage(payload)
  }

  closed(id: LinkId): void {
    const ofLink = this.#lines.get(id)
    this.#lines.delete(id)
    for (const events of ofLink?.values() ?? []) events.onClose()
  }
}
