import type { InfoHash } from '../../protocol/units.ts'
import { Signalling, type SignallingOptions } from '../signalling.ts'
import type { SwarmDriver } from '../swarm-driver.ts'

export interface BeaconOptions
  extends Omit<SignallingOptions, 'driver' | 'infoHash' | 'isSeeking' | 'met' | 'onChange'> {
  readonly overlay: { readonly infoHash: InfoHash; readonly links: readonly unknown[]; readonly swarm: SwarmDriver }
}

/** With so many links the DHT finds the others by itself. */
export const ENOUGH_LINKS = 4

/** Where newcomers find the DHT: a tracker knows us there. We ask it for others only when we are lonely. */
export class Beacon {
  readonly #signalling: Signalling
  readonly #overlay: BeaconOptions['overlay']
  #isLonely = true

  constructor(options: BeaconOptions) {
    const { overlay } = options
    this.#overlay = overlay
    this.#signalling = new Signalling({
      ...options,
      infoHash: overlay.infoHash,
      driver: overlay.swarm,
      isSeeking: () => this.#isSeeking,
      // Whom we are linked with in some other swarm, the DHT needs no second link with: it would be given up at once.
      met: () => overlay.links.length,
      onChange: () => undefined,
    })
  }

  /** Whether a tracker answers. */
  get isUp(): boolean {
    return this.#signalling.phase === 'up'
  }

  /** There are no links, or too few for too long. */
  seek(): void {
    this.#isLonely = true
    this.#signalling.hurry()
  }

  close(): void {
    this.#signalling.close()
  }

  get #isSeeking(): boolean {
    if (this.#overlay.links.length >= ENOUGH_LINKS) this.#isLonely = false
    return this.#isLonely
  }
}
