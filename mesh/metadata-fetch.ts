import type { Clock } from './clock.ts'
import type { SwarmDescription } from './description.ts'
import { MetadataSession, type MetadataSessionOptions } from './metadata-session.ts'
import type { Overlay } from './overlay/overlay.ts'
import type { NewLink } from './swarm-driver.ts'
import type { Link } from './transport.ts'

export interface MetadataFetchOptions extends Omit<MetadataSessionOptions, 'send' | 'onEnd'> {
  readonly clock: Clock
}

/** Peers that are asked at the same time. */
const AT_ONCE = 2
/** Who has not told all by then is not waited for. */
const PEER_MS = 8_000

/** Finds out what a swarm is about from whoever is in it. Takes links in the swarm's place, and closes them when it knows. */
export class MetadataFetch {
  readonly #options: MetadataFetchOptions
  readonly #sessions = new Map<MetadataSession, Link>()
  #description: SwarmDescription | undefined
  /** Called when a session has ended. */
  #onEnd: () => void = () => undefined

  constructor(options: MetadataFetchOptions) {
    this.#options = options
  }

  /** As a swarm tells it. */
  readonly swarm = { room: AT_ONCE }

  addLink(link: Link, { onClose }: Pick<NewLink, 'onClose'>): boolean {
    const session = new MetadataSession({
      ...this.#options,
      send: (bytes) => link.send(bytes),
      onEnd: (description) => {
        this.#description ??= description
        this.#sessions.delete(session)
        link.close()
        onClose?.()
        this.#onEnd()
      },
    })
    this.#sessions.set(session, link)
    link.listen({
      onMessage: (bytes) => session.receive(bytes),
      onDrain: () => undefined,
      onClose: () => session.end(undefined),
    })
    return true
  }

  /** Asks members of the swarm, one after the other. @returns what all of it was verified by the info hash for */
  async from(overlay: Overlay, deadlineMs: number): Promise<SwarmDescription | undefined> {
    const { infoHash, clock } = this.#options
    const lookup = overlay.lookup(infoHash)
    const cancelDeadline = clock.after(deadlineMs, () => void lookup.return())
    for await (const id of lookup) {
      // A link that opens is a session's affair; one that does not is the end of it.
      const refused = new Promise<void>((resolve) => {
        void overlay.connect(id, infoHash).then((isOpen) => isOpen || resolve())
      })
      await Promise.race([this.#ended(), refused])
      if (this.#description !== undefined) break
      lookup.useless(id)
    }
    cancelDeadline()
    for (const session of [...this.#sessions.keys()]) session.end(undefined)
    return this.#description
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(PEER_MS, resolve)
      this.#onEnd = () => {
        cancel()
        resolve()
      }
    })
  }
}
