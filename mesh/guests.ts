import type { Peer } from './peer.ts'
import type { SwarmEffect } from './swarm-io.ts'

/** Those who use a swarm's links for extensions of the protocol that are not the swarm's own (BEP 10). */
export class Guests {
  /** What each extension is called; its index says under which id peers send it. */
  readonly names: readonly string[]
  /** They answer at once, and what is on its way to a link already comes before that. */
  #effects: SwarmEffect[] = []

  constructor(names: readonly string[]) {
    this.names = names
  }

  /** The peer has said which extensions it speaks; perhaps not for the first time. */
  onExtensions({ link, session, guests }: Peer): void {
    for (const extension of this.names) {
      if (guests.has(extension) || !session.speaks(extension)) continue
      guests.add(extension)
      this.#effects.push({ kind: 'speaks', link, extension })
    }
  }

  onMessage({ link }: Peer, extension: string, payload: Uint8Array): void {
    this.#effects.push({ kind: 'extended', link, extension, payload })
  }

  /** @returns these effects, and then what the guests are to be told */
  after(effects: SwarmEffect[]): SwarmEffect[] {
    if (this.#effects.length === 0) return effects
    const all = [...effects, ...this.#effects]
    this.#effects = []
    return all
  }
}
