import { BLOCK_SIZE, KiB } from '../protocol/units.ts'
import type { Peer } from './peer.ts'
import type { Want } from './wants.ts'

/** Assumed of a peer not measured yet, bytes per second. */
const NEWCOMER_RATE = 256 * KiB
/** A round trip, more or less. */
const CANCEL_MS = 100

/** Whether a peer would deliver what it is asked for now. */
export function isReady(peer: Peer, nowMs: number): boolean {
  return peer.session.serves && nowMs >= peer.restsUntilMs
}

/** When a peer is expected to have brought all that it owes and `bytes` more. */
export function etaMs(peer: Peer, bytes: number, nowMs: number): number {
  return ((peer.session.downloads.owed + bytes) / rateOf(peer, nowMs)) * 1000
}

/** When those who owe a part of a chunk are expected to have brought it. Nobody is judged before it is measured. */
export function finishMs({ sources, assembly }: Want, nowMs: number): number {
  let latestMs = 0
  for (const peer of sources)
    if (peer.session.downloads.perSecond(nowMs) !== undefined && assembly.owes(peer))
      latestMs = Math.max(latestMs, etaMs(peer, 0, nowMs))
  return latestMs
}

/** How many of the blocks that one owes another would take over, so that both are done at the same time. */
export function fairShare(from: Peer, to: Peer, nowMs: number): number {
  const theirs = rateOf(from, nowMs)
  const own = to.session.downloads.perSecond(nowMs) === undefined ? theirs : rateOf(to, nowMs)
  const laterMs = etaMs(from, 0, nowMs) - (to.session.downloads.owed / own) * 1000
  return Math.floor(((laterMs / 1000) * theirs * own) / (theirs + own) / BLOCK_SIZE)
}

/** Blocks that a peer likely sends before a cancel could reach it. */
export function underWay(peer: Peer, nowMs: number): number {
  const { downloads } = peer.session
  const rate = downloads.perSecond(nowMs)
  return rate === undefined ? downloads.underWay : Math.ceil((rate * CANCEL_MS) / 1000 / BLOCK_SIZE)
}

/** Bytes of a chunk that are missing. */
export function missingBytes({ assembly }: Want): number {
  return assembly.missing * BLOCK_SIZE
}

function rateOf({ session }: Peer, nowMs: number): number {
  return Math.max(1, session.downloads.perSecond(nowMs) ?? NEWCOMER_RATE)
}
