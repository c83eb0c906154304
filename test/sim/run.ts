import { KiB, MiB } from '../../protocol/units.ts'
import { Content } from './content.ts'
import { replaceGlobals } from './globals.ts'
import { SimOrigin } from './origin.ts'
import type { World } from './place.ts'
import { seededRandom } from './random.ts'
import { bytesPerMs, type Scenario } from './scenario.ts'
import { VirtualTime } from './time.ts'
import { SimTracker } from './tracker.ts'
import { Exchange } from './transport.ts'
import { type Result, Visitor } from './visitor.ts'

/** Nothing takes longer. */
const MOST_MS = 60 * 60_000

export interface Run {
  readonly scenario: Scenario
  readonly seed: number
  /** Whether visitors have Tributary. */
  readonly tributary: boolean
}

export interface Outcome extends Run {
  readonly visitors: readonly Result[]
  /** Bytes of the file that left the origin. */
  readonly originBytes: number
  readonly requests: number
  /** Virtual milliseconds until the last visitor was done. */
  readonly lastedMs: number
}

/** Runs a scenario from its seed on: the same seed gives the same outcome, to the millisecond. */
export async function simulate({ scenario, seed, tributary }: Run): Promise<Outcome> {
  const time = new VirtualTime()
  const random = seededRandom(seed)
  const content = new Content(scenario.size * MiB, scenario.chunk * KiB)
  const { egress, latencyMs = 10, thinkMs = 5, fault } = scenario.origin
  const origin = new SimOrigin(time, content, {
    egress: bytesPerMs(egress),
    latencyMs,
    thinkMs,
    quantum: (scenario.quantum ?? 16) * KiB,
    ...(fault && { fault }),
  })
  const world: World = {
    time,
    random,
    content,
    origin,
    tracker: new SimTracker(time, random),
    exchange: new Exchange(time, random),
  }
  const visitors = Visitor.ofScenario(world, scenario, tributary, seededRandom(~seed))
  const lines = new Map(visitors.map(({ place }) => [place.url, place.line]))
  const fetch = async (url: string, init: RequestInit = {}) => {
    const line = lines.get(url)
    if (!line) throw new TypeError(`nobody asks for ${url}`)
    return await origin.fetch(line, init)
  }
  const putBack = replaceGlobals({ time, random, fetch })
  try {
    await time.until(Promise.all(visitors.map((visitor) => visitor.run())), MOST_MS)
  } finally {
    for (const visitor of visitors) visitor.close()
    putBack()
  }
  return {
    scenario,
    seed,
    tributary,
    visitors: visitors.map((visitor) => visitor.result()),
    originBytes: origin.sentBytes,
    requests: origin.requests,
    lastedMs: time.now(),
  }
}
