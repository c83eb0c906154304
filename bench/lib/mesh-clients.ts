import type { Mesh, OpenMesh } from '../../mesh/mesh.ts'
import type { InfoHash } from '../../protocol/units.ts'

/** What a process or a page with some clients of the mesh can be asked to do. Clients are counted from 0. */
export interface MeshCommands {
  /** Opens clients one after the other: connections in the making are what takes memory and open files. */
  enter(options: Entering): Promise<void>
  /** Links of each client. */
  linkCounts(): Promise<readonly number[]>
  /** Each client gives a file of its own. */
  giveFiles(): Promise<readonly Given[]>
  /** @returns who is found first to hold the file; null for nobody */
  lookUp(seeking: Seeking): Promise<Found | null>
  /** Looks up who has a file of which only the info hash is known, connects, and takes its first chunk. @returns milliseconds */
  take(seeking: Seeking): Promise<number | null>
}

interface Entering {
  readonly count: number
  readonly links: number
  readonly tracker: string
  readonly everyMs: number
}

export interface Given {
  readonly infoHash: InfoHash
  /** Id of the client that gives it. */
  readonly giver: string
}

interface Seeking {
  readonly client: number
  readonly infoHash: InfoHash
}

interface Found {
  readonly ms: number
  readonly holder: string
}

/** As much as one call of `getRandomValues` gives. */
const FILE_BYTES = 65_536
const PATIENCE_MS = 5_000

export class MeshClients implements MeshCommands {
  readonly #openMesh: OpenMesh
  readonly #clients: Mesh[] = []

  constructor(openMesh: OpenMesh) {
    this.#openMesh = openMesh
  }

  async enter({ count, links, tracker, everyMs }: Entering): Promise<void> {
    for (let i = 0; i < count; i++) {
      const client = await this.#openMesh({ links })
      client.join({ trackers: [tracker] })
      this.#clients.push(client)
      await sleep(everyMs)
    }
  }

  async linkCounts(): Promise<readonly number[]> {
    return this.#clients.map(({ links }) => links.length)
  }

  async giveFiles(): Promise<readonly Given[]> {
    return await Promise.all(
      this.#clients.map(async (client) => {
        const bytes = crypto.getRandomValues(new Uint8Array(FILE_BYTES))
        const { infoHash } = await client.share('given.bin', bytes)
        return { infoHash, giver: client.id }
      }),
    )
  }

  async lookUp({ client, infoHash }: Seeking): Promise<Found | null> {
    const startedMs = performance.now()
    const lookup = this.#client(client).lookup(infoHash, 0)
    const first = await Promise.race([lookup.next(), sleep(PATIENCE_MS)])
    await lookup.return?.()
    return first?.value === undefined ? null : { ms: performance.now() - startedMs, holder: first.value }
  }

  async take({ client, infoHash }: Seeking): Promise<number | null> {
    const startedMs = performance.now()
    const mesh = this.#client(client)
    const description = await mesh.describe(infoHash, PATIENCE_MS)
    if (description === undefined) return null
    mesh.open(description)
    const bytes = await mesh.get(infoHash, 0, PATIENCE_MS)
    return bytes === undefined ? null : performance.now() - startedMs
  }

  #client(index: number): Mesh {
    const client = this.#clients[index]
    if (client === undefined) throw new RangeError(`there is no client ${index}`)
    return client
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}
