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
    read: async (chunk) => chunks.get(chunk),
    write: async (chunk, bytes) => void chunks.set(chunk, bytes),
  }
}

/** Before the DHT is asked again: a holder may just have come, or be unreachable for a moment. */
const PAUSES_MS = [500, 1_000, 2_000]

export interface MeshSwarmOptions {
  readonly description: SwarmDescription
  readonly shelf: ChunkShelf
  readonly platform: Pick<MeshPlatform, 'sha256' | 'digest' | 'clock'>
  readonly node: MeshNode
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
  holds(chunk: ChunkIndex): void {
    this.#driver?.stored({ first: chunk, after: (chunk + 1) as ChunkIndex })
  }

  get(chunk: ChunkIndex, deadlineMs: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const known = this.#getting.get(chunk)
    if (known) return known
    const getting = this.#get(chunk, deadlineMs).finally(() => this.#getting.delete(chunk))
    this.#getting.set(chunk, getting)
    return getting
  }

  async #get(chunk: ChunkIndex, deadlineMs: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { shelf } = this.#options
    const stored = await shelf.read(chunk)
    const driver = this.#driver
    if (stored !== undefined || driver === undefined) return stored
    const fetched = driver.fetch(chunk, deadlineMs)
    void this.#seek(chunk, driver)
    const bytes = await fetched
    if (bytes === undefined) return undefined
    await shelf.write(chunk, bytes)
    this.holds(chunk)
    return bytes
  }

  /** Brings a holder into the swarm; where there is none, the chunk is not waited for. */
  async #seek(chunk: ChunkIndex, driver: SwarmDriver): Promise<void> {
    const { node, platform } = this.#options
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      if (await node.seek(this.#infoHash, chunk)) return
      if (!this.#getting.has(chunk)) return
      if (pauseMs === undefined) driver.cancel(chunk)
      else await new Promise<void>((resolve) => platform.clock.after(pauseMs, resolve))
    }
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
