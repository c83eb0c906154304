import type { Clock } from '../mesh/clock.ts'
import type { OpenSocket } from '../mesh/transport.ts'
import type { ChunkSpan } from '../protocol/geometry.ts'
import type { SwarmManifest } from '../protocol/manifest.ts'
import type { InfoHash } from '../protocol/units.ts'
import { reasonOf, SeederError } from './errors.ts'
import type { Log } from './log.ts'
import { ManifestSource, type ReadManifest } from './manifest-source.ts'
import type { TransportMaker } from './node-transport.ts'
import { type PeerLimits, PeerPort } from './peer-port.ts'
import { SiteFiles } from './site-files.ts'
import { chunksIn, type HostedStats, SwarmHost } from './swarm-host.ts'
import { SwarmSource } from './swarm-source.ts'
import { type TrackerChoice, trackersOf } from './trackers.ts'

export interface SeederOptions extends TrackerChoice, PeerLimits {
  /** The site's files. */
  readonly root: string
  /** Where the manifest lies: the first of these that has one counts; `root` when absent. */
  readonly manifestFolders?: readonly string[]
  readonly makeTransport: TransportMaker
  readonly log: Log
  readonly clock?: Clock
  readonly openSocket?: OpenSocket
}

export interface SeederStats {
  readonly swarms: readonly HostedStats[]
  readonly peers: number
  /** Clients of the DHT that it is linked with. */
  readonly dhtLinks: number
  /** Bytes, those of swarms that have gone included. */
  readonly uploaded: number
  readonly openFiles: number
  /** Whether each tracker is connected. */
  readonly trackers: ReadonlyMap<string, boolean>
}

const MAX_OPEN_FILES = 256
const MANIFEST_POLL_MS = 2_000
const SWEEP_MS = 30_000

/** A peer with a disk: serves the swarms of a manifest from the site's own files. */
export class Seeder {
  readonly #options: SeederOptions
  readonly #files: SiteFiles
  readonly #source: ManifestSource
  readonly #port: PeerPort
  readonly #host: SwarmHost
  #hashFiles: SiteFiles
  #uploadedBefore = 0
  #work: Promise<void> = Promise.resolve()
  #cancelPoll: (() => void) | undefined
  #cancelSweep: (() => void) | undefined
  #isClosed = false

  private constructor(options: SeederOptions, files: SiteFiles) {
    this.#options = options
    this.#files = files
    this.#hashFiles = files
    this.#source = new ManifestSource({ folders: options.manifestFolders ?? [options.root], maxOpen: 1 })
    const port = new PeerPort({ ...options, site: options.origin, wake: (infoHash) => this.#host.wake(infoHash) })
    this.#port = port
    this.#host = new SwarmHost({
      node: port.node,
      clock: port.clock,
      transport: () => port.transport,
      onOffered: (source, offered, uploaded) => this.#offered(source, offered, uploaded),
    })
  }

  /**
   * Starts to serve; trackers are reached in the background.
   * @throws SeederError when there is no manifest, or no tracker to announce to
   */
  static async start(options: SeederOptions): Promise<Seeder> {
    const files = await SiteFiles.open(options.root, MAX_OPEN_FILES).catch((error) => {
      throw new SeederError(`cannot read ${options.root} (${reasonOf(error)})`, 'check the spelling', { cause: error })
    })
    const seeder = new Seeder(options, files)
    try {
      await seeder.#load()
    } catch (error) {
      await seeder.close(0)
      throw error
    }
    seeder.#poll()
    seeder.#sweep()
    return seeder
  }

  stats(): SeederStats {
    const swarms = this.#host.stats()
    return {
      swarms,
      peers: swarms.reduce((sum, { peers }) => sum + peers, 0),
      dhtLinks: this.#port.dht?.links ?? 0,
      uploaded: swarms.reduce((sum, { uploaded }) => sum + uploaded, this.#uploadedBefore),
      openFiles: this.#files.openFiles,
      trackers: this.#port.announcer.trackers,
    }
  }

  /** Reads the manifest and looks at the files again. What is wrong with it is logged, and what was served stays. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      this.#files.close()
      await this.#load()
      await this.#host.survey(this.#host.infoHashes)
      this.#options.log('info', 'reloaded')
    })
  }

  /** Stops to serve. @param graceMs how long what is being sent may still take */
  async close(graceMs: number): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelPoll?.()
    this.#cancelSweep?.()
    await this.#port.retire(graceMs)
    this.#uploadedBefore = this.stats().uploaded
    this.#host.clear()
    this.#port.close()
    this.#files.close()
    this.#hashFiles.close()
  }

  async #load(): Promise<void> {
    const read = await this.#source.read()
    if (this.#isClosed) return
    const { announce, iceServers } = read.manifest.mesh
    let trackers: string[]
    try {
      trackers = trackersOf(announce, this.#options)
    } catch (error) {
      read.folder.close()
      throw error
    }
    for (const reason of read.refused) this.#options.log('warn', `left out of the manifest: ${reason}`)
    const fresh = this.#adopt(read)
    this.#port.meetAt(trackers, iceServers)
    await this.#host.survey(fresh)
    this.#options.log('info', 'serving the manifest', { swarms: this.#host.infoHashes.length, trackers })
  }

  /** Takes over a manifest's swarms. @returns those that are new */
  #adopt({ manifest, folder }: ReadManifest): InfoHash[] {
    const { log } = this.#options
    if (manifest.disabled) log('warn', 'the manifest is disabled: nothing is served')
    const listed = new Map(manifest.disabled ? [] : manifest.swarms.map((swarm) => [swarm.infoHash, swarm]))
    for (const stats of this.#host.stats()) {
      if (isSame(this.#host.get(stats.infoHash)?.swarm, listed.get(stats.infoHash))) continue
      this.#uploadedBefore += stats.uploaded
      this.#port.announcer.remove(stats.infoHash)
      this.#port.dht?.withdraw(stats.infoHash)
      this.#host.remove(stats.infoHash)
    }
    this.#hashFiles.close()
    this.#hashFiles = folder
    const fresh = [...listed.values()].filter(({ infoHash }) => this.#host.get(infoHash) === undefined)
    for (const swarm of fresh)
      this.#host.add(new SwarmSource({ swarm, files: this.#files, hashFiles: () => this.#hashFiles, log }))
    return fresh.map(({ infoHash }) => infoHash)
  }

  #offered({ swarm }: SwarmSource, held: readonly ChunkSpan[], uploaded: number): void {
    if (this.#isClosed) return
    const { infoHash, chunkCount } = swarm
    const offered = chunksIn(held)
    this.#port.dht?.serve(infoHash, chunkCount, held)
    if (offered === 0) this.#port.announcer.remove(infoHash)
    else this.#port.announcer.add({ infoHash, missing: chunkCount - offered, uploaded })
  }

  #poll(): void {
    this.#cancelPoll = this.#port.clock.after(MANIFEST_POLL_MS, async () => {
      await this.#inTurn(async () => {
        if (await this.#source.hasChanged()) await this.#load()
      })
      if (!this.#isClosed) this.#poll()
    })
  }

  #sweep(): void {
    this.#cancelSweep = this.#port.clock.after(SWEEP_MS, async () => {
      this.#files.sweep()
      await this.#inTurn(() => this.#host.sweep((infoHash) => this.#port.desk.isConnecting(infoHash)))
      if (!this.#isClosed) this.#sweep()
    })
  }

  /** One at a time. A failure leaves things as they are. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed) return
      try {
        await work()
      } catch (error) {
        const mend = error instanceof SeederError ? ` - ${error.mend}` : ''
        this.#options.log('error', `${error instanceof Error ? error.message : String(error)}${mend}`)
      }
    })
    return this.#work
  }
}

function isSame(a: SwarmManifest | undefined, b: SwarmManifest | undefined): boolean {
  return a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b)
}
