import { Beacon, type BeaconOptions, ENOUGH_LINKS } from './beacon.ts'
import type { Overlay } from './overlay.ts'

/** Ways into the DHT: trackers, where newcomers find us too, and peers that are remembered. */
export class Entrance {
  readonly #overlay: Overlay
  readonly #meeting: (announce: readonly string[]) => Omit<BeaconOptions, 'overlay'>
  #announce = ''
  #beacon: Beacon | undefined
  /** At the doors of peers that we remember; left as soon as there are links. */
  #visit: Beacon | undefined

  constructor(overlay: Overlay, meeting: (announce: readonly string[]) => Omit<BeaconOptions, 'overlay'>) {
    this.#overlay = overlay
    this.#meeting = meeting
  }

  /** @param announce URLs of trackers, in the place of those that were named before; none change nothing */
  light(announce: readonly string[]): void {
    const named = announce.join()
    if (named === '' || named === this.#announce) return
    this.#announce = named
    this.#beacon?.close()
    this.#beacon = this.#beaconAt(announce)
  }

  /** @param urls of peers that take offers themselves */
  visit(urls: readonly string[]): void {
    if (urls.length === 0) return
    this.#overlay.addresses.add(urls)
    this.#visit?.close()
    this.#visit = undefined
    this.#knock()
  }

  /** There are no links, or too few for too long. */
  seek(): void {
    this.#beacon?.seek()
    this.#visit?.seek()
    if (this.#beacon?.isUp !== true) this.#knock()
  }

  linked(links: number): void {
    if (links < ENOUGH_LINKS) return
    this.#visit?.close()
    this.#visit = undefined
  }

  close(): void {
    this.#beacon?.close()
    this.#visit?.close()
  }

  #knock(): void {
    const { known } = this.#overlay.addresses
    if (this.#visit === undefined && known.length > 0) this.#visit = this.#beaconAt(known)
  }

  #beaconAt(announce: readonly string[]): Beacon {
    return new Beacon({ ...this.#meeting(announce), overlay: this.#overlay })
  }
}
