import type { SwarmStatus } from '../protocol/delivery.ts'
import { type ChunkIndex, KiB, MiB } from '../protocol/units.ts'

// Who brings a chunk: the whole policy, as pure functions of what is known at the moment.

/** A media element shows its first frames out of this much; it comes from the origin, which answers at once. */
const URGENT_BYTES = 1 * MiB

/** With peers at hand the origin need only bridge the time until their first chunks are here. */
export const BRIDGE_BYTES = 512 * KiB

/** How long after joining a first peer is waited for, by media elements that have enough to play meanwhile. */
export const JOIN_PATIENCE_MS = 3_000

/** With less than this to play, a media element is served by the origin: its answer comes within a round trip. */
const URGENT_SLACK_MS = 400

/** A media element reports within this time of its first bytes. */
const REPORT_MS = 300

/** Who may bring a chunk, as far as one reader is concerned. */
export type Supplier =
  | { readonly kind: 'origin' }
  | { readonly kind: 'peers' }
  | { readonly kind: 'wait'; readonly ms: number }

const ORIGIN: Supplier = { kind: 'origin' }
const PEERS: Supplier = { kind: 'peers' }

/** What the worker knows of the mesh for one swarm. */
export interface MeshView {
  readonly status: SwarmStatus | undefined
  /** Milliseconds since the swarm was asked for. */
  readonly sinceJoinMs: number
  /** Whether peers were asked for this chunk a short time ago, in vain. */
  readonly refused: boolean
  /** Whether a reader has lately waited in vain for a chunk of theirs. */
  readonly late: boolean
}

export interface Need {
  readonly chunk: ChunkIndex
  readonly media: boolean
  /** Bytes from where this reader began, or last sought to, up to the chunk. */
  readonly distance: number
  /** Milliseconds that a media element can go on playing; undefined while nothing is known. */
  readonly slackMs: number | undefined
}

/** Decides who brings a chunk that a reader needs now. */
export function supplierFor(need: Need, mesh: MeshView): Supplier {
  if (!need.media || need.distance < BRIDGE_BYTES) return ORIGIN
  if (peersHold(need.chunk, mesh)) {
    const risky = mesh.late || need.distance >= URGENT_BYTES
    return isUrgent(need.slackMs) && risky ? ORIGIN : PEERS
  }
  if (need.distance < URGENT_BYTES) return ORIGIN
  return isJoining(mesh) ? whileJoining(need.slackMs, mesh) : ORIGIN
}

/** Whether playback would run dry before a peer could be found out to be slow. */
export function isUrgent(slackMs: number | undefined): boolean {
  return slackMs !== undefined && slackMs < URGENT_SLACK_MS
}

/** A media element that has enough to play waits for the first peer; one that has not yet told is given a moment to. */
function whileJoining(slackMs: number | undefined, mesh: MeshView): Supplier {
  const left = JOIN_PATIENCE_MS - mesh.sinceJoinMs
  if (slackMs === undefined) return mesh.sinceJoinMs < REPORT_MS ? { kind: 'wait', ms: REPORT_MS } : ORIGIN
  const spare = slackMs - 2 * URGENT_SLACK_MS
  return spare > 0 ? { kind: 'wait', ms: Math.min(left, spare) } : ORIGIN
}

/** Whether a connected peer would send the chunk, and did not fail to a moment ago. */
export function peersHold(chunk: ChunkIndex, mesh: MeshView): boolean {
  if (!mesh.status || mesh.status.phase === 'down' || mesh.refused) return false
  return ((mesh.status.available[chunk >>> 3] ?? 0) & (0x80 >>> (chunk & 7))) !== 0
}

/** Whether a first peer may yet connect. The tracker's word comes earlier, and does not say so. */
function isJoining(mesh: MeshView): boolean {
  if (!mesh.status || mesh.status.phase === 'down' || mesh.status.peers > 0) return false
  return mesh.sinceJoinMs < JOIN_PATIENCE_MS
}

/** Whether peers may yet take part: then origin requests are kept short, so that few bytes come twice. */
export function peersMayHelp(mesh: MeshView): boolean {
  return (mesh.status?.peers ?? 0) > 0 || isJoining(mesh)
}

/** The most bytes that one origin request asks for. @param bytesPerMs how fast the origin was of late */
export function originSpan(media: boolean, mesh: MeshView, bytesPerMs: number): number {
  const shared = media || (mesh.status?.peers ?? 0) > 0
  return Math.min(MAX_SPAN_BYTES, Math.max(leastSpan(media, mesh), shared ? 0 : bytesPerMs * SPAN_MS))
}

/** Alone, a download asks for this much time's worth, so that asking again and again costs a fast origin nothing. */
const SPAN_MS = 500
const MAX_SPAN_BYTES = 16 * MiB

function leastSpan(media: boolean, mesh: MeshView): number {
  if ((mesh.status?.peers ?? 0) > 0) return media ? BRIDGE_BYTES : 2 * MiB
  if (peersMayHelp(mesh)) return media ? URGENT_BYTES : 2 * MiB
  return media || mesh.status?.phase === 'up' ? 4 * MiB : 16 * MiB
}

/** How far ahead of a reader peers are asked. */
export function lookahead(media: boolean): number {
  return media ? 8 * MiB : 32 * MiB
}

/** Bytes that are asked from peers at the same time. */
export const PEER_FLIGHT_BYTES = 4 * MiB

/** A download's peers begin this far ahead: what lies nearer comes from the origin before they could answer. */
export const PEERS_FROM_BYTES = 2 * MiB

/** How long a reader waits for a chunk that a peer is sending before the origin takes over. */
export function peerPatience(slackMs: number | undefined): number {
  return Math.min(
    MAX_PEER_PATIENCE_MS,
    Math.max(MIN_PEER_PATIENCE_MS, (slackMs ?? MAX_PEER_PATIENCE_MS) - URGENT_SLACK_MS),
  )
}

const MAX_PEER_PATIENCE_MS = 1_000
const MIN_PEER_PATIENCE_MS = 250

/** So long after a reader has waited for peers in vain, nothing that is urgent is left to them. */
export const LATE_FOR_MS = 2_000
