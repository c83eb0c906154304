import type { Placement } from '../protocol/geometry.ts'
import { blocksOf, HASH_LENGTH, leafWidth, merkleRoot, sameHash } from '../protocol/merkle.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { chunkCountIn, placementsOf, type SwarmDescription } from './description.ts'
import { fileOfChunk } from './file-of-chunk.ts'
import type { MeshNode } from './mesh-node.ts'
import { MetadataServer } from './metadata-server.ts'
import type { MeshPlatform } from './platform.ts'
import type { SwarmDriver } from './swarm-driver.ts'
import type { Transport } from './transport.ts'

/** Where a program keeps the chunks of one swarm. */
export interface ChunkShelf {
  /** Undefined when it is not there. */
  read(chunk: number): Promise<Uint8Array<ArrayBuffer> | undefined>
  write(chunk: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}

export function memoryShelf(): ChunkShelf {
  const chunks = new Map<number, Uint8Array<ArrayBuffer>>()
  return {
    read: async (chunk) => chunks.get(chunk)?.slice(),
    write: async (chunk, bytes) => void chunks.set(chunk, bytes.slice()),
  }
}

/** Before the DHT is asked again: a holder may just have come, or be unreachable for a moment. */
const PAUSES_MS = [500, 1_000, 2_000]
/** Who offers a chunk and has not brought it by then may never do so: more holders are looked for, and again after twice as long. */
const STALL_MS = 2_500

export interface MeshSwarmOptions {
  readonly description: SwarmDescription
  readonly shelf: ChunkShelf
  readonly platform: Pick<MeshPlatform, 'sha256' | 'digest' | 'clock'>
  readonly node: MeshNode
  /** Before there is a link nobody can be looked for. */
  readonly linked: (deadlineMs: number) => Promise<void>
}

/** A client's part in one swarm. */
export class MeshSwarm {
  readonly #options: MeshSwarmOptions
  readonly #infoHash: InfoHash
  readonly #files: readonly Placement[]
  readonly #getting = new Map<ChunkIndex, Promise<Uint8Array<ArrayBuffer> | undefined>>()

  constructor(options: MeshSwarmOptions) {
    this.#options = options
    this.#infoHash = options.description.infoHash
    this.#files = placementsOf(options.description)
  }

  get description(): SwarmDescription {
    return this.#options.description
  }

  join(announce: readonly string[], transport: Transport): void {
    const { node, shelf, platform, description } = this.#options
    const { info } = description
    node.join({
      infoHash: this.#infoHash,
      chunkCount: chunkCountIn(this.#files),
      files: this.#files,
      announce,
      transport,
      held: [],
      read: (chunk) => shelf.read(chunk),
      verify: (chunk, bytes) => this.#verify(chunk, bytes),
      proofs: { chunkHashes: description.hashes, sha256: platform.sha256, digest: platform.digest },
      onStatus: () => undefined,
      ...(info && { metadata: new MetadataServer(info.length, async () => info) }),
    })
  }

  /** The chunk is on the shelf. */
  announce(index: number): void {
    const chunk = this.#chunk(index)
    this.#driver?.stored({ first: chunk, after: (chunk + 1) as ChunkIndex })
  }

  async get(index: number, deadlineMs: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const chunk = this.#chunk(index)
    const known = this.#getting.get(chunk)
    if (known) return await known
    const getting = this.#get(chunk, deadlineMs).finally(() => this.#getting.delete(chunk))
    this.#getting.set(chunk, getting)
    return await getting
  }

  #chunk(index: number): ChunkIndex {
    const count = chunkCountIn(this.#files)
    if (!Number.isInteger(index) || index < 0 || index >= count)
      throw new RangeError(`${index} is no chunk of a swarm that has ${count}`)
    return index as ChunkIndex
  }

  async #get(chunk: ChunkIndex, deadlineMs: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { shelf } = this.#options
    const stored = await shelf.read(chunk)
    const driver = this.#driver
    if (stored !== undefined || driver === undefined) return stored
    const fetched = driver.fetch(chunk, deadlineMs)
    void this.#seek(chunk, driver, deadlineMs)
    const bytes = await fetched
    if (bytes === undefined) return undefined
    await shelf.write(chunk, bytes)
    this.announce(chunk)
    return bytes
  }

  /** Brings holders into the swarm; where there is none, the chunk is not waited for. */
  async #seek(chunk: ChunkIndex, driver: SwarmDriver, deadlineMs: number): Promise<void> {
    await this.#options.linked(deadlineMs)
    if (!(await this.#findsHolder(chunk))) driver.cancel(chunk)
    for (let pauseMs = STALL_MS; this.#getting.has(chunk); pauseMs *= 2) {
      await this.#pause(pauseMs)
      if (this.#getting.has(chunk)) await this.#options.node.seek(this.#infoHash, chunk, driver.swarm.holders(chunk))
    }
  }

  /** @returns whether somebody offers the chunk, or it is here by now */
  async #findsHolder(chunk: ChunkIndex): Promise<boolean> {
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      if (await this.#options.node.seek(this.#infoHash, chunk)) return true
      if (!this.#getting.has(chunk)) return true
      if (pauseMs !== undefined) await this.#pause(pauseMs)
    }
    return false
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.platform.clock.after(ms, resolve))
  }

  get #driver(): SwarmDriver | undefined {
    return this.#options.node.swarm(this.#infoHash)
  }

  async #verify(chunk: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const { platform, description } = this.#options
    const file = fileOfChunk(this.#files, chunk)
    if (file === undefined) return false
    const leaves = await Promise.all(blocksOf(bytes).map((block) => platform.digest(block)))
    const root = merkleRoot(leaves, leafWidth(file.size, file.chunkSize), platform.sha256)
    return sameHash(root, description.hashes.subarray(chunk * HASH_LENGTH, (chunk + 1) * HASH_LENGTH))
  }
}
