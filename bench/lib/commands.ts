// What a bench may ask of its page. The page's side is in bench/page/; the names and shapes are checked on both.

import type { MeshCommands } from './mesh-clients.ts'

/** One download, read to its end and dropped. */
export interface Download {
  readonly bytes: number
  /** From the call of fetch() to the first bytes in the page's hands. */
  readonly firstByteMs: number
  readonly totalMs: number
}

export interface DownloadOptions {
  readonly url: string
  /** Stop after the first bytes. */
  readonly firstByteOnly?: boolean
  /** Read everything into the same memory, instead of leaving what was read to the garbage collector. */
  readonly oneBuffer?: boolean
}

export interface WatchOptions {
  readonly url: string
  /** Playback rate. */
  readonly rate: number
  /** How long it plays before it jumps. */
  readonly playMs: number
  /** Where it jumps to, as a part of the film. */
  readonly seekTo: number
}

/** What a viewer of a film met with. */
export interface Viewing {
  /** From setting `src` to the first frame on the screen. */
  readonly firstFrameMs: number
  /** Times that the element said it had run dry (`waiting`) while it played, and for how long in all. */
  readonly stalls: number
  readonly stalledMs: number
  /** From the jump to the first frame of the new place. */
  readonly seekMs: number
}

/** Bytes by where they came from, since the page's first visit, and the peers that it is connected to. */
export interface WorkerBytes {
  readonly connected: number
  readonly cache: number
  readonly peers: number
  readonly origin: number
}

export interface PageCommands {
  /** Resolves when the page's worker, if it has one, controls it. */
  ready(): Promise<void>
  download(options: DownloadOptions): Promise<Download>
  /** Plays a film, jumps, and takes it away when the new place shows. */
  watch(options: WatchOptions): Promise<Viewing>
  /** What our worker has counted. */
  workerBytes(): Promise<WorkerBytes>
  /** Bytes that rest in the site's storage, as the browser estimates them. */
  storedBytes(): Promise<number>
  collectGarbage(): Promise<void>
  /** When something was first painted, in milliseconds since the epoch. */
  firstPaint(): Promise<number>
}

/** A data channel as the browser has it, or simple-peer. */
export type PipeKind = 'raw' | 'simple-peer'

/** One end of a connection, or of our mesh. */
export interface LinkCommands {
  offer(kind: PipeKind): Promise<string>
  answer(options: { readonly kind: PipeKind; readonly offer: string }): Promise<string>
  /** Takes the answer, and waits until the connection is open. */
  accept(answer: string): Promise<void>
  /** Sends so many bytes, as fast as the connection takes them. */
  send(bytes: number): Promise<void>
  /** Resolves when so many bytes have come. */
  receive(bytes: number): Promise<LinkTransfer>
  hangUp(): Promise<void>
  /** Joins the swarm of a file by our mesh alone, and waits until a peer offers all of it. */
  joinMesh(path: string): Promise<void>
  /** Fetches all chunks of the swarm from peers. */
  fetchAll(): Promise<LinkTransfer>
  leaveMesh(): Promise<void>
}

export interface LinkTransfer {
  readonly bytes: number
  readonly ms: number
}

export interface TorrentCommands {
  torrent(options: TorrentOptions): Promise<Download>
}

export interface TorrentOptions {
  readonly torrent: string
  /** Rarest first, in memory; else as the library does by itself. */
  readonly tuned: boolean
}

export type Commands = PageCommands & LinkCommands & TorrentCommands & MeshCommands

/** What travels to the page. */
export interface Order {
  readonly number: number
  readonly name: keyof Commands
  readonly argument: unknown
}

/** What comes back. */
export type Outcome = { readonly number: number } & ({ readonly result: unknown } | { readonly error: string })
