import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { hasBit } from '../../protocol/wire/bitfield.ts'
import type { Clock } from '../clock.ts'
import type { Id } from '../dht/id.ts'
import type { SwarmDriver } from '../swarm-driver.ts'
import type { Overlay } from './overlay.ts'

/** Holders that are connected at the same time: the first one to be there serves. */
const AT_ONCE = 2
/** Holders that are tried in all; and of those that cannot be reached, which cost less: they may be made up by the dozen. */
const MOST = 6
const MOST_ABSENT = 24
/** Who is connected says by then what it has. */
const GREETING_MS = 3_000
const POLL_MS = 50
/** Of two that dial each other one refuses, and the other's link opens within this time. */
const CROSSING_MS = 1_000

/** What it needs of the overlay. */
type SeekerOverlay = Pick<Overlay, 'lookup' | 'connect' | 'membersOf'>

/** Brings holders of chunks into a swarm. */
export class Seeker {
  readonly #overlay: SeekerOverlay
  readonly #clock: Clock

  constructor(overlay: SeekerOverlay, clock: Clock) {
    this.#overlay = overlay
    this.#clock = clock
  }

  /**
   * @param known peers of the swarm who have the chunk and do not bring it
   * @returns whether another one would give it now
   */
  async seek(
    infoHash: InfoHash,
    chunk: ChunkIndex,
    { swarm }: Pick<SwarmDriver, 'swarm'>,
    known = 0,
  ): Promise<boolean> {
    const isOffered = () => hasBit(swarm.available, chunk) && swarm.holders(chunk) > known
    if (isOffered()) return true
    const lookup = this.#overlay.lookup(infoHash, chunk, this.#overlay.membersOf(infoHash))
    let present = 0
    let absent = 0
    const lane = async () => {
      for await (const id of lookup) {
        if (isOffered() || swarm.room === 0) break
        if (await this.#try(id, infoHash, isOffered)) present++
        else absent++
        if (isOffered() || present >= MOST || absent >= MOST_ABSENT) break
        lookup.useless(id)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    await lookup.return()
    return isOffered()
  }

  /** Connects, and waits until somebody offers the chunk. @returns whether there is such a client */
  async #try(id: Id, infoHash: InfoHash, isOffered: () => boolean): Promise<boolean> {
    // Who refuses is perhaps about to connect to us.
    const isLinked = await this.#overlay.connect(id, infoHash)
    const untilMs = this.#clock.now() + (isLinked ? GREETING_MS : CROSSING_MS)
    while (!isOffered() && this.#clock.now() < untilMs) await this.#pause()
    return isLinked
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(POLL_MS, resolve))
  }
}
