import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MANIFEST_NAME, type Manifest, parseManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, MiB } from '../../protocol/units.ts'
import { Edge } from '../../seeder/edge/edge.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { NodePeer, offeredTo, untilOffered } from '../../test/harness/node-peer.ts'
import { LeapingClock } from './leaping-clock.ts'
import { numberOf, playRole, textOf } from './role.ts'

// The parts of bench/edge-churn.ts: an edge whose time leaps, and the visitors that come and go.

/** Who meets nobody by then goes: the edge has nothing of the file. */
const PATIENCE_MS = 600

const clock = new LeapingClock()
let edge: Edge | undefined
let crashes = 0

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

export interface ChurnSample {
  readonly heap: number
  readonly peers: number
  readonly stored: number
  readonly evicted: number
  readonly uploaded: number
  readonly banned: number
  /** How often its WebRTC process was gone. */
  readonly crashes: number
}

playRole({
  /** An edge of a site with little room. @returns port */
  edge: async (given) => {
    const [manifestUrl = '', folder = ''] = textOf(given).split('\n')
    const makeTransport = await loadNodeTransport()
    makeTransport.onCrash?.(() => crashes++)
    edge = await Edge.start({
      manifestUrl,
      folder,
      cacheSize: 64 * MiB,
      memory: 64 * MiB,
      maxOpenFiles: 64,
      joinAll: false,
      http: { host: '127.0.0.1', port: 0, maxConnections: 100 },
      makeTransport,
      announce: [],
      log: () => undefined,
      clock,
    })
    return edge.httpPort
  },

  /** So many milliseconds pass. */
  leap: (ms) => clock.leap(numberOf(ms), 5_000),

  reload: () => edge?.reload(),

  /** What the process has in hand. @returns a ChurnSample as JSON */
  sample: async () => {
    const stats = await edge?.stats()
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return JSON.stringify({
      heap: heapUsed + external,
      peers: stats?.peers ?? 0,
      stored: stats?.store.used ?? 0,
      evicted: stats?.store.evictedBytes ?? 0,
      uploaded: stats?.uploaded ?? 0,
      banned: stats?.banned ?? 0,
      crashes,
    } satisfies ChurnSample)
  },

  /** So many visitors come, take what they can get of some file, and go. @returns chunks that they got */
  visitors: async (given) => {
    const [site = '', count = ''] = textOf(given).split('\n')
    const manifest = parseManifest(await (await fetch(new URL(MANIFEST_NAME, site))).json())
    const got = await Promise.all(Array.from({ length: Number(count) }, () => visit(site, manifest)))
    return got.reduce((sum, chunks) => sum + chunks, 0)
  },
})

async function visit(site: string, { swarms }: Manifest): Promise<number> {
  const swarm = swarms[Math.floor(Math.random() * swarms.length)]
  if (swarm === undefined) return 0
  const hashes = new Uint8Array(await (await fetch(new URL(swarm.hashes, site))).arrayBuffer())
  const peer = new NodePeer([`${site.replace('http', 'ws')}announce`], await loadNodeTransport())
  try {
    const driver = peer.join(swarm, hashes)
    const some = untilOffered(driver, swarm.chunkCount, 1)
    await Promise.race([some, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
    some.catch(() => undefined) // nobody has it
    const offered = offeredTo(driver, swarm.chunkCount).slice(0, 4)
    const chunks = await Promise.all(offered.map((chunk) => driver.fetch(chunk as ChunkIndex, 2_000)))
    return chunks.filter((bytes) => bytes !== undefined).length
  } finally {
    peer.close()
  }
}
