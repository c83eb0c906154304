import { expose, transfer } from 'comlink'
import type { ChunkRequest, MeshHost, SwarmTicket } from '../../../protocol/bridge.ts'
import type { SwarmStatus } from '../../../protocol/delivery.ts'
import type { ChunkSpan } from '../../../protocol/geometry.ts'
import type { ChunkIndex, InfoHash } from '../../../protocol/units.ts'
import type { MeshClient } from '../../../sw/mesh-client.ts'

/** How peers answer for a chunk: bytes, `undefined` for "nobody has brought it", or no answer at all. */
export type Answer = (chunk: ChunkIndex) => Promise<Uint8Array | undefined>

export const never = <T>(): Promise<T> => new Promise<T>(() => {})

/** A page that hosts the mesh, as far as the worker can tell: the real bridge, with hand-steered peers behind it. */
export class FakeHost implements MeshHost {
  readonly joined: SwarmTicket[] = []
  readonly asked: ChunkIndex[] = []
  /** For how long each of them is wanted. */
  readonly deadlinesMs: number[] = []
  readonly cancelled: ChunkIndex[] = []
  readonly announced: ChunkSpan[] = []
  readonly held: ChunkIndex[] = []
  readonly left: InfoHash[] = []
  peers = 1
  answer: Answer = async () => undefined
  readonly #ports: MessagePort[] = []
  #events: MessagePort | undefined
  readonly #cancels = new Map<ChunkIndex, () => void>()

  /** Offers itself to the worker. */
  offer(mesh: MeshClient): void {
    const [calls, events] = [new MessageChannel(), new MessageChannel()]
    this.#ports.push(calls.port1, calls.port2, events.port1, events.port2)
    this.#events = events.port1
    expose(bound(this), calls.port1)
    mesh.accept('host', calls.port2, events.port2)
  }

  /** The page is closed or frozen: nothing answers any more. */
  vanish(): void {
    for (const port of this.#ports) port.close()
  }

  async join(ticket: SwarmTicket): Promise<SwarmStatus> {
    this.joined.push(ticket)
    return this.#status(ticket)
  }

  /** All peers go, and what they were asked for stays unanswered. */
  deserted(): void {
    this.peers = 0
    for (const ticket of this.joined)
      this.#events?.postMessage({ type: 'status', infoHash: ticket.infoHash, status: this.#status(ticket) })
  }

  #status({ chunkCount }: SwarmTicket): SwarmStatus {
    const available = new Uint8Array(Math.ceil(chunkCount / 8)).fill(this.peers > 0 ? 255 : 0)
    const loading = new Uint8Array(available.length)
    return { phase: 'up', peers: this.peers, available, loading, expected: 0, uploaded: 0 }
  }

  async leave(infoHash: InfoHash): Promise<void> {
    this.left.push(infoHash)
  }

  async fetchChunk({ chunk, deadlineMs }: ChunkRequest): Promise<ArrayBuffer | undefined> {
    this.asked.push(chunk)
    this.deadlinesMs.push(deadlineMs)
    const cancelled = new Promise<undefined>((resolve) => this.#cancels.set(chunk, () => resolve(undefined)))
    const bytes = await Promise.race([this.answer(chunk), cancelled])
    if (!bytes) return undefined
    const buffer = bytes.slice().buffer
    return transfer(buffer, [buffer])
  }

  async cancelChunk(_: InfoHash, chunk: ChunkIndex): Promise<void> {
    this.cancelled.push(chunk)
    this.#cancels.get(chunk)?.()
  }

  async stored(_: InfoHash, chunks: ChunkSpan): Promise<void> {
    this.announced.push(chunks)
  }

  async hold(_: InfoHash, chunk: ChunkIndex): Promise<void> {
    this.held.push(chunk)
  }

  async loading(): Promise<void> {}
  async dropped(): Promise<void> {}
  async setSharing(): Promise<void> {}
}

/** comlink walks own properties of what it exposes, so methods are handed over one by one. */
function bound(host: FakeHost): MeshHost {
  return {
    join: (ticket) => host.join(ticket),
    leave: (infoHash) => host.leave(infoHash),
    fetchChunk: (request) => host.fetchChunk(request),
    cancelChunk: (infoHash, chunk) => host.cancelChunk(infoHash, chunk),
    stored: (infoHash, chunks) => host.stored(infoHash, chunks),
    hold: (infoHash, chunk) => host.hold(infoHash, chunk),
    loading: () => host.loading(),
    dropped: () => host.dropped(),
    setSharing: () => host.setSharing(),
  }
}
