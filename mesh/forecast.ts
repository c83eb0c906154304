import { BLOCK_SIZE, KiB } from '../protocol/units.ts'
import type { Peer } from './peer.ts'
import type { Want } from './wants.ts'

/** Assumed of a peer not measured yet, bytes per second. */
const NEWCOMER_RATE = 256 * KiB

/** Whether a peer would deliver what it is asked for now. */
export function isReady(peer: Peer, nowMs: number): boolean {
  return peer.session.serves && nowMs >= peer.restsUntilMs
}

/** When a peer is expected to have brought all that it owes and `bytes` more. */
export function etaMs({ session: { downloads } }: Peer, bytes: number, nowMs: number): number {
  const rate = downloads.perSecond(nowMs) ?? NEWCOMER_RATE
  return ((downloads.owed + bytes) / Math.max(1, rate)) * 1000
}

/** When those who owe a part of a chunk are expected to have brought it. */
export function finishMs({ sources, assembly }: Want, nowMs: number): number {
  let latestMs = 0
  for (const peer of sources) if (assembly.owes(peer)) latestMs = Math.max(latestMs, etaMs(peer, 0, nowMs))
  return latestMs
}

/** How much of what one owes another would take over, so that both end at the same time. */
export function fairShare(from: Peer, to: Peer, nowMs: number): number {
  const mine = to.session.downloads.perSecond(nowMs)
  const theirs = from.session.downloads.perSecond(nowMs)
  return mine === undefined || theirs === undefined ? 0.5 : mine / Math.max(1, mine + theirs)
}

/** Bytes of a chunk that are missing. */
export function missingBytes({ assembly }: Want): number {
  return assembly.missing * BLOCK_SIZE
}
