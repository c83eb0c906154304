import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import wrtc from '@roamhq/wrtc'
import SimplePeer from 'simple-peer'
import type { SwarmDriver } from '../../mesh/swarm-driver.ts'
import { MANIFEST_NAME, parseManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, KiB, MiB } from '../../protocol/units.ts'
import { Edge } from '../../seeder/edge/edge.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { Seeder } from '../../seeder/seeder.ts'
import { NodePeer, untilOffered } from '../../test/harness/node-peer.ts'
import { numberOf, playRole, textOf } from './role.ts'

// The parts of bench/edge.ts: a plain static server, an edge, a seeder, peers, and both ends of bare connections.

/** The largest message that simple-peer carries everywhere, and the fastest. */
const ZEROS = new Uint8Array(64 * KiB)

interface Joined {
  readonly driver: SwarmDriver
  readonly chunkCount: number
  /** Chunks that came since the last `fetch` began. */
  fetched: number
}

const joined: Joined[] = []
/** When the first of the peers was done: what the slowest had of what the quickest had. */
let evenness = 1
const pipes: SimplePeer.Instance[] = []
/** How many bytes have come in over pipes. */
let received = 0

playRole({
  /** Serves one file as Node does it by itself. @returns port */
  static: async (path) => {
    const server = createServer((_, response) => {
      createReadStream(textOf(path)).pipe(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  },

  /** An edge of a site. @returns port */
  edge: async (url) => {
    const edge = await Edge.start({
      manifestUrl: textOf(url),
      folder: join(tmpdir(), `tributary-bench-edge-${process.pid}`),
      cacheSize: 1024 * MiB,
      memory: 512 * MiB,
      maxOpenFiles: 256,
      joinAll: false,
      http: { host: '127.0.0.1', port: 0, maxConnections: 100 },
      makeTransport: undefined,
      announce: [],
      log: () => undefined,
    })
    return edge.httpPort
  },

  /** A seeder of a folder, whose site is at `origin`, and which is known to these trackers. */
  seeder: async (given) => {
    const [root = '', origin = '', trackers = ''] = textOf(given).split('\n')
    const makeTransport = await loadNodeTransport()
    await Seeder.start({ root, origin, announce: trackers.split(' '), makeTransport, log: () => undefined })
  },

  /** Joins the first swarms of a site with so many peers, each on the next of the trackers, and waits until the seeder offers everything to each. */
  join: async (given) => {
    const [site = '', peers = '', swarms = '1', own = ''] = textOf(given).split('\n')
    const manifest = parseManifest(await (await fetch(new URL(MANIFEST_NAME, site))).json())
    const trackers = own === '' ? [`${site.replace('http', 'ws')}announce`] : own.split(' ')
    for (let i = 0; i < Number(peers); i++) {
      const swarm = manifest.swarms[i % Number(swarms)]
      if (swarm === undefined) throw new Error('the site has too few swarms')
      const hashes = new Uint8Array(await (await fetch(new URL(swarm.hashes, site))).arrayBuffer())
      const tracker = trackers[i % trackers.length] ?? ''
      const peer = new NodePeer([tracker], await loadNodeTransport())
      joined.push({ driver: peer.join(swarm, hashes), chunkCount: swarm.chunkCount, fetched: 0 })
    }
    await Promise.all(joined.map(({ driver, chunkCount }) => untilOffered(driver, chunkCount, chunkCount)))
  },

  /** Fetches everything with all peers. @returns milliseconds */
  fetch: async () => {
    for (const peer of joined) peer.fetched = 0
    const started = performance.now()
    const all = joined.map(fetchAll)
    await Promise.race(all)
    const fetched = joined.map((peer) => peer.fetched)
    evenness = Math.min(...fetched) / Math.max(...fetched)
    await Promise.all(all)
    return performance.now() - started
  },

  evenness: () => evenness,

  /** One end of a bare connection. @param offer of the other end; empty: this end makes it. @returns its description */
  pipe: async (offer) => {
    const initiator = textOf(offer) === ''
    const peer = new SimplePeer({
      initiator,
      wrtc,
      trickle: false,
      iceCompleteTimeout: 1_500,
      config: { iceServers: [] },
    })
    pipes.push(peer)
    peer.on('data', (bytes: Uint8Array) => {
      received += bytes.length
    })
    peer.on('error', () => undefined)
    const description = new Promise<string>((resolve) => {
      peer.on('signal', (signal) => resolve(JSON.stringify(signal)))
    })
    if (!initiator) peer.signal(textOf(offer))
    return await description
  },

  /** The other end's answer to the connection that was offered last. */
  accept: async (answer) => {
    const peer = pipes.at(-1)
    peer?.signal(textOf(answer))
    await new Promise<void>((resolve) => peer?.once('connect', resolve))
  },

  /** Sends so many bytes over each connection. */
  pour: async (bytes) => {
    await Promise.all(pipes.map((peer) => pour(peer, numberOf(bytes))))
  },

  /** Waits until so many more bytes have come. @returns milliseconds */
  take: async (bytes) => {
    const [started, until] = [performance.now(), received + numberOf(bytes)]
    while (received < until) await new Promise((resolve) => setTimeout(resolve, 2))
    return performance.now() - started
  },
})

/** As many chunks at a time as a worker asks for. */
async function fetchAll(peer: Joined): Promise<void> {
  const LANES = 16
  const chunks = Array.from({ length: peer.chunkCount }, (_, i) => i as ChunkIndex).values()
  const lane = async () => {
    for (const chunk of chunks) {
      if ((await peer.driver.fetch(chunk, 120_000)) === undefined) throw new Error(`chunk ${chunk} did not come`)
      peer.fetched++
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

/** Keeps so many messages waiting that the connection never runs dry. */
async function pour(peer: SimplePeer.Instance, bytes: number): Promise<void> {
  const WAITING = 8
  const writes = Array.from({ length: bytes / ZEROS.length }, (_, i) => i).values()
  const lane = async () => {
    for (const _ of writes) await new Promise<void>((resolve) => peer.write(ZEROS, () => resolve()))
  }
  await Promise.all(Array.from({ length: WAITING }, lane))
}
