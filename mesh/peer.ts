import { type ChunkIndex, MiB } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import type { Session } from './session.ts'
import type { Want } from './wants.ts'

/** Names one connection; never used twice. */
export type LinkId = number & { readonly unit: 'link' }

/** One connection and what the swarm notes about it. */
export interface Peer {
  readonly link: LinkId
  readonly session: Session
  /** We made the offer. */
  readonly initiator: boolean
  /** Whom the signalling promised. */
  readonly expected: PeerId | undefined
  /** Chunks that this peer is to deliver. */
  readonly assigned: Set<Want>
  /** `Wants.version` when nothing was found for this peer, so that it is not searched again in vain. */
  searched: number
  /** Its chunks are counted as available. */
  counted: boolean
  /** Bytes handed to the link that it has not sent, as far as known. */
  buffered: number
  /** Stored chunks that it waits for. */
  readonly reading: Set<ChunkIndex>
  /** It was silent: it gets nothing new before this time. */
  restsUntilMs: number
  /** When something was last sent. */
  sentMs: number
  /** Extensions of others that it is known to speak. */
  readonly guests: Set<string>
}

/** A connection that has not said by then who it is never will. */
const HANDSHAKE_MS = 10_000
const KEEP_ALIVE_MS = 60_000
/** BEP 3 peers close after two minutes of silence. */
const IDLE_MS = 150_000
/** Blocks wait for room in the link, answers do not: who goes on asking and reads none of them fills our memory. */
const MOST_BUFFERED = 8 * MiB

export function newPeer(who: Pick<Peer, 'link' | 'session' | 'initiator' | 'expected'>, nowMs: number): Peer {
  return {
    ...who,
    assigned: new Set(),
    searched: -1,
    counted: false,
    buffered: 0,
    reading: new Set(),
    restsUntilMs: 0,
    sentMs: nowMs,
    guests: new Set(),
  }
}

/** Why a connection is of no use any more; undefined while it may be. */
export function reasonToEnd({ session, buffered }: Peer, nowMs: number): string | undefined {
  if (session.peerId === undefined && nowMs - session.openedMs >= HANDSHAKE_MS) return 'no handshake'
  if (buffered > MOST_BUFFERED) return 'reads nothing'
  return nowMs - session.heardMs >= IDLE_MS ? 'silent' : undefined
}

export function keepAlive({ session, sentMs }: Peer, nowMs: number): void {
  if (nowMs - sentMs >= KEEP_ALIVE_MS) session.send({ kind: 'keep-alive' })
}
