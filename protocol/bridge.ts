import type { FallbackReason, FileChunks, SwarmStatus } from './delivery.ts'
import type { ChunkSpan } from './geometry.ts'
import type { MeshSettings } from './manifest.ts'
import type { ChunkIndex, InfoHash } from './units.ts'

// The contract between the service worker and its pages. `docs/spec/bridge.md` tells the same in words.
//
// The worker can be killed at any moment and then knows no page; a page can be frozen or closed at any moment.
// So each side can open the conversation anew, and every call has a deadline on the caller's side.

/** What a page sends to the worker with postMessage. */
export type PageMessage =
  /**
   * This page hosts the mesh. `calls` speaks comlink (MeshHost is exposed on it), `events` carries MeshEvents.
   * `id` is the page's own as long as it lives: its counters go on, although the worker may be another one.
   */
  | { readonly tributary: 'host'; readonly id: string; readonly calls: MessagePort; readonly events: MessagePort }
  /** This page wants the worker's controls: WorkerControl is exposed with comlink on `port`. */
  | { readonly tributary: 'control'; readonly port: MessagePort }
  /** This page would be controlled. */
  | { readonly tributary: 'claim' }
  /** This page was open before it was controlled. `native`: URLs of media that it has begun to load, and goes on with by itself. */
  | { readonly tributary: 'native'; readonly native: readonly string[] }
  /** Says nothing; being received is what keeps the worker alive. */
  | { readonly tributary: 'keepalive' }
  /**
   * How a media element of this page stands. Sent at each turn of its life, and every PLAYBACK_MS while it plays. `blob:`
   * URLs are those of elements that a script feeds (Media Source Extensions).
   */
  | { readonly tributary: 'playback'; readonly url: string; readonly slackMs: number; readonly lengthMs: number }

/** What the worker sends to its pages with Client.postMessage. */
export type WorkerMessage =
  /** The worker needs the mesh and has no host: the leading page answers with `host`. */
  | { readonly tributary: 'need-host' }
  /** A response is being streamed: send `keepalive` every KEEPALIVE_MS for the next `forMs`. */
  | { readonly tributary: 'keep-alive'; readonly forMs: number }
  /** The counters changed. At most one every STATS_INTERVAL_MS. */
  | { readonly tributary: 'stats'; readonly stats: WorkerStats }
  /** A file went back to plain HTTP. */
  | { readonly tributary: 'fallback'; readonly fallback: Fallback }

export const KEEPALIVE_MS = 10_000

/** At most one report of a media element in this time. `slackMs`: how long it can play on what it has; Infinity when paused. */
export const PLAYBACK_MS = 250
export const STATS_INTERVAL_MS = 250

/** Query parameter that marks a navigation as a download; its value is the file name, perhaps empty. Never sent to an origin by the worker. */
export const DOWNLOAD_PARAMETER = 'tributary-download'

/** What the page that hosts the mesh offers the worker. */
export interface MeshHost {
  /** Joins a swarm; joining again only refreshes. Resolves with what is known so far, without waiting for peers. */
  join(ticket: SwarmTicket): Promise<SwarmStatus>
  /** Leaves a swarm and closes its connections. */
  leave(infoHash: InfoHash): Promise<void>
  /** The verified bytes of one chunk, transferred, or undefined when no peer delivers it in time. */
  fetchChunk(request: ChunkRequest): Promise<ArrayBuffer | undefined>
  /** The worker no longer wants a chunk: its fetchChunk resolves with undefined. */
  cancelChunk(infoHash: InfoHash, chunk: ChunkIndex): Promise<void>
  /** A chunk that the worker has verified, transferred: announce it, and serve it from memory until it is in the store. */
  hold(infoHash: InfoHash, chunk: ChunkIndex, bytes: ArrayBuffer): Promise<void>
  /** These chunks are in the store now: announce and serve them. */
  stored(infoHash: InfoHash, chunks: ChunkSpan): Promise<void>
  /** These chunks are on their way from the origin, and no others: peers are told, so that they fetch different ones. */
  loading(infoHash: InfoHash, chunks: readonly ChunkSpan[]): Promise<void>
  /** These chunks left the store. */
  dropped(infoHash: InfoHash): Promise<void>
  /** Turns upload on or off. */
  setSharing(sharing: boolean): Promise<void>
}

/** All that a page needs to join a swarm. */
export interface SwarmTicket {
  readonly infoHash: InfoHash
  readonly chunkSize: number
  readonly chunkCount: number
  /** chunkCount x 32 bytes, checked against the manifest. */
  readonly hashes: ArrayBuffer
  readonly files: readonly { readonly size: number; readonly firstChunk: ChunkIndex; readonly chunkSize: number }[]
  /** Announce URLs are absolute here. */
  readonly mesh: MeshSettings
  /** URL of the `.torrent` file. */
  readonly torrent?: string | undefined
  /** Bytes of the info dictionary in there. */
  readonly metadataSize?: number
}

export interface ChunkRequest {
  readonly infoHash: InfoHash
  readonly chunk: ChunkIndex
  /** How long the answer is worth waiting for. */
  readonly deadlineMs: number
}

/** What a page tells its worker about a swarm, unasked, over the events port. */
export interface MeshEvent {
  readonly type: 'status'
  readonly infoHash: InfoHash
  readonly status: SwarmStatus
}

/** What the worker offers every page. */
export interface WorkerControl {
  stats(): Promise<WorkerStats>
  /** Whether this worker accelerates, and if not, why. */
  state(): Promise<WorkerState>
  setMode(mode: Mode): Promise<void>
  /** Upload on or off, remembered across visits. */
  setSharing(sharing: boolean): Promise<void>
  /** Forgets all chunks, counters and settings. */
  clear(): Promise<void>
  /** Whether the worker can serve `url` now; asked before a download is led through it. */
  serves(url: string): Promise<boolean>
}

/** `shadow`: everything comes from the origin as without us, but is counted. */
export type Mode = 'off' | 'shadow' | 'on'

export interface WorkerState {
  readonly mode: Mode
  readonly manifest: 'none' | 'broken' | 'disabled' | 'good'
  /** Files in the manifest. */
  readonly files: number
  readonly store: 'indexeddb' | 'none'
  readonly sharing: boolean
}

/** Counters since the store was made; a page subtracts what it saw at its first visit. */
export interface WorkerStats {
  readonly bytes: { readonly cache: number; readonly peers: number; readonly origin: number; readonly uploaded: number }
  /** Connected peers over all swarms. */
  readonly peers: number
  /** One entry a file that was asked for; a byte a chunk: an index into CHUNK_SOURCES. */
  readonly chunks: readonly FileChunks[]
}

/** Why a file, or everything, went back to plain HTTP. */
export interface Fallback {
  /** Manifest path, or undefined when it concerns the whole site. */
  readonly path?: string
  readonly reason: FallbackReason
  readonly detail: string
}
