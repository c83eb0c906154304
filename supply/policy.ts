import type { SwarmStatus } from '../protocol/delivery.ts'
import { type ChunkIndex, KiB, MiB } from '../protocol/units.ts'
import type { Demand } from './demand.ts'

// Who brings a chunk: the whole policy, as pure functions of what is known at the moment.

/** A media element shows its first frames out of this much; it comes from the origin, which answers at once. */
export const URGENT_BYTES = 1 * MiB

/** With peers at hand the origin need only bridge the time until their first chunks are here. */
export const BRIDGE_BYTES = 512 * KiB

/** A download begins with this much from the origin, whoever has it. */
export const START_BYTES = 128 * KiB

/** How long after joining a first peer is waited for, by media elements that have enough to play meanwhile. */
export const JOIN_PATIENCE_MS = 3_000

/** With less than this to play, a media element is served by the origin: its answer comes within a round trip. */
const URGENT_SLACK_MS = 400

/** With more than this to play, a media element leaves to others what one of a crowd is sure to fetch. */
const CALM_SLACK_MS = 2_000

/** A media element reports within this time of its first bytes. */
const REPORT_MS = 300

/** Peers that bring a film so many times as fast as it is played outrun it. */
const QUICK = 2

/** Bytes per millisecond: 4 Mbit/s, what a film takes whose length is not known. */
const FILM_PER_MS = 500

/** One of a crowd asks the origin for no more at a time. */
const MAX_STRETCH_BYTES = 4 * MiB

/** So long one of a crowd waits for its next byte, while it fetches from the origin what others will want of it. */
const CROWD_PATIENCE_MS = 750

/** So long it waits for what another is fetching; twice as long while the origin brings it something else. */
const LOADING_PATIENCE_MS = 2_000

/** A media element that runs dry waits so many times less. */
const HASTE = 6

/** Who waits looks again after this long at the latest. */
const LOOK_MS = 100

/** Who may bring a chunk, as far as one reader is concerned. */
export type Supplier =
  | { readonly kind: 'origin' }
  | { readonly kind: 'peers' }
  | { readonly kind: 'wait'; readonly ms: number }

const ORIGIN: Supplier = { kind: 'origin' }
const PEERS: Supplier = { kind: 'peers' }
const LOOK: Supplier = { kind: 'wait', ms: LOOK_MS }

/** What the worker knows of the mesh for one swarm. */
export interface MeshView {
  readonly status: SwarmStatus | undefined
  /** Milliseconds since the swarm was asked for. */
  readonly sinceJoinMs: number
  /** Whether peers were asked for a chunk a short time ago, in vain. */
  readonly refused: (chunk: ChunkIndex) => boolean
  /** Whether a reader has lately waited in vain for a chunk of theirs. */
  readonly late: boolean
  /** How fast peers have been of late, as a multiple of the origin; undefined while it is too early to tell. */
  readonly speed: number | undefined
  /** The same in bytes per millisecond. */
  readonly perMs: number | undefined
  /** Bytes that they are asked for now. */
  readonly asked: number
  /** Bytes per millisecond that the film takes, and peers are taken to bring until they have shown what they do. */
  readonly filmPerMs: number
  /** Whether a media element has lately run dry in the middle: the origin alone cannot feed it. */
  readonly isDry: boolean
}

export interface Need {
  readonly chunk: ChunkIndex
  readonly media: boolean
  /** Bytes from where this reader began, or last sought to, up to the chunk. */
  readonly distance: number
  /** Milliseconds that a media element can go on playing; undefined while nothing is known. */
  readonly slackMs: number | undefined
  /** What `segmentBytes` tells. */
  readonly segment: number
  /** Milliseconds since the reader had its last byte. */
  readonly waitedMs: number
  /** Whether the origin is at work on something else for the reader. */
  readonly busy: boolean
  /** From 0 to less than 1, drawn for this decision: all of a crowd should not lose patience at once. */
  readonly dice: number
}

/** Decides who brings a chunk that a reader needs now. */
export function supplierFor(need: Need, mesh: MeshView): Supplier {
  const isHeld = peersHold(need.chunk, mesh)
  const isSegment = need.segment < Number.POSITIVE_INFINITY
  const shares = need.media && leavesAll(mesh)
  if (need.distance < (need.media ? BRIDGE_BYTES : START_BYTES) && !(isHeld && isSegment) && !shares) return ORIGIN
  if (isHeld) return fromHolders(need, mesh) ? PEERS : ORIGIN
  if (mesh.refused(need.chunk)) return ORIGIN
  if (need.media && need.distance < URGENT_BYTES && !shares) return ORIGIN
  if (isCrowd(mesh, need.media)) return inCrowd(need, mesh) ? LOOK : ORIGIN
  return need.media && isJoining(mesh) ? whileJoining(need.slackMs, mesh) : ORIGIN
}

/** Whether peers are asked for what they hold: unless time is short, or the origin has shown to be the faster one. */
function fromHolders({ media, segment, slackMs, busy }: Need, mesh: MeshView): boolean {
  return media ? peersFrom(slackMs, mesh) === 0 : !mesh.late && (busy || isTrusted(mesh, segment))
}

/** A media element that has less than this to play does not wait for peers whose lines are thin. */
const SAFE_SLACK_MS = 1_000

/** Whether peers, as far as they are known, would bring a chunk later than a media element can afford to wait for it. */
function isTight(slackMs: number | undefined, mesh: MeshView): boolean {
  if (areQuick(mesh) || sharesWhileDry(mesh) || (mesh.speed ?? 0) >= 1) return false
  return (slackMs ?? Number.POSITIVE_INFINITY) - SAFE_SLACK_MS < mesh.asked / (mesh.perMs || mesh.filmPerMs)
}

/** Whether peers bring less than a film takes, and the origin more: what is needed next is the origin's. */
function isThin({ filmPerMs, perMs = filmPerMs, speed = 1 }: MeshView): boolean {
  return perMs < filmPerMs && speed < 1
}

/** With less than this to play, a media element has the origin bring what peers cannot, or have not shown that they can. */
const SHORT_SLACK_MS = 2_500

/** Whether a media element wants the origin at work on what it needs next, though peers hold it. */
export function isShort(slackMs: number | undefined, mesh: MeshView): boolean {
  const isFed = mesh.perMs !== undefined && !isThin(mesh)
  return !isFed && !sharesWhileDry(mesh) && (slackMs ?? 0) < SHORT_SLACK_MS
}

/**
 * How far ahead of a media element peers are asked: thin lines are given time, and nothing at all where that does not do,
 * for what comes too late takes the origin's place on the visitor's line.
 */
export function peersFrom(slackMs: number | undefined, mesh: MeshView): number {
  if (isTight(slackMs, mesh)) return mesh.perMs === undefined ? BRIDGE_BYTES : lookahead(true)
  return isThin(mesh) ? URGENT_BYTES : 0
}

/**
 * Bytes per millisecond that a film takes.
 * @param lengthMs as in `Playback`
 */
export function filmRate(size = 0, lengthMs = Number.NaN): number {
  return size / lengthMs || FILM_PER_MS
}

/** Bytes per millisecond: 32 Mbit/s. */
const FAST_PER_MS = 4_000

/**
 * Whether a media element has nothing to play for want of bytes. Where these come fast it is the machine that is slow, and
 * the first bytes of a film are no picture yet.
 * @param perMs bytes per millisecond that the origin brings; 0 while nothing is known
 */
export function runsDry({ media, slackMs, distance }: Need, perMs: number): boolean {
  return media && slackMs === 0 && distance >= 2 * URGENT_BYTES && perMs < FAST_PER_MS
}

/** Whether a media element leaves even to peers what it needs first: the origin alone cannot feed it, and they are quick. */
function leavesAll(mesh: MeshView): boolean {
  return mesh.isDry && areQuick(mesh)
}

/** Whether peers outrun any film, so that an element that was short when it last told will have enough in a moment. */
function areQuick({ late, filmPerMs, perMs = 0 }: MeshView): boolean {
  return !late && perMs >= QUICK * filmPerMs
}

/** What a script asks for beyond this is more likely a file to keep. */
const MAX_SEGMENT_BYTES = 16 * MiB

/**
 * Bytes of the segment that a script asks for on behalf of a player that has enough to play meanwhile; without end for any
 * other reader. Segments are many and small: what begins each of them is much of the whole, and need not come at once.
 */
export function segmentBytes({ media, begin, end, playback }: Omit<Demand, 'file' | 'access'>): number {
  const isSegment = !media && end - begin <= MAX_SEGMENT_BYTES && (playback().slackMs ?? 0) >= CALM_SLACK_MS
  return isSegment ? end - begin : Number.POSITIVE_INFINITY
}

/** A segment plays for seconds: a player that has it by then finds nothing lacking. */
const SEGMENT_MS = 500

const SLOW_SPEED = 0.4

/**
 * Whether a download waits for peers: once they have shown to be not much slower than the origin. A segment does until they
 * have shown that they are, and that it takes them some time.
 */
export function isTrusted({ speed, perMs = 0 }: MeshView, segment: number): boolean {
  const untold = segment < Number.POSITIVE_INFINITY ? 1 : 0
  return (speed ?? untold) >= SLOW_SPEED || perMs * SEGMENT_MS >= segment
}

/** Whether a reader waits for what no peer holds yet: one of them fetches it, or it fetches something else for them. */
function inCrowd({ chunk, media, slackMs, waitedMs, busy, dice }: Need, mesh: MeshView): boolean {
  const isLoading = hasBit(mesh.status?.loading, chunk)
  const leastMs = isLoading ? 2 * URGENT_SLACK_MS : CALM_SLACK_MS
  if (media && (slackMs ?? 0) < leastMs && !sharesWhileDry(mesh)) return false
  const haste = isUrgent(slackMs) ? HASTE : 1
  return waitedMs * haste < (isLoading ? LOADING_PATIENCE_MS * (busy ? 2 : 1) : CROWD_PATIENCE_MS * (1 + dice))
}

/** Whether a media element that the origin alone cannot feed leaves to its crowd what it needs at once. */
function sharesWhileDry({ isDry, late, speed = 1 }: MeshView): boolean {
  return isDry && !late && speed >= 1
}

/** Whether playback would run dry before a peer could be found out to be slow. */
export function isUrgent(slackMs: number | undefined): boolean {
  return (slackMs ?? URGENT_SLACK_MS) < URGENT_SLACK_MS
}

/** A media element that has enough to play waits for the first peer; one that has not yet told is given a moment to. */
function whileJoining(slackMs: number | undefined, mesh: MeshView): Supplier {
  const left = JOIN_PATIENCE_MS - mesh.sinceJoinMs
  if (slackMs === undefined) return mesh.sinceJoinMs < REPORT_MS ? { kind: 'wait', ms: REPORT_MS } : ORIGIN
  const spare = slackMs - 2 * URGENT_SLACK_MS
  return spare > 0 ? { kind: 'wait', ms: Math.min(left, spare) } : ORIGIN
}

/** Whether a connected peer would send the chunk, and did not fail to a moment ago. */
export function peersHold(chunk: ChunkIndex, { status, refused }: MeshView): boolean {
  return status !== undefined && status.phase !== 'down' && hasBit(status.available, chunk) && !refused(chunk)
}

/** Whether the chunk is, or will be, among what peers hold. */
export function isTheirs(chunk: ChunkIndex, mesh: MeshView): boolean {
  return peersHold(chunk, mesh) || hasBit(mesh.status?.loading, chunk)
}

function hasBit(bits: Uint8Array | undefined, chunk: ChunkIndex): boolean {
  return ((bits?.[chunk >>> 3] ?? 0) & (0x80 >>> (chunk & 7))) !== 0
}

/**
 * Whether others are about who will want what we fetch: connected, or on their way for a short time. A media element
 * waits for these instead: they may have it all.
 */
export function isCrowd({ status, sinceJoinMs }: MeshView, media: boolean): boolean {
  if (!status || status.phase === 'down') return false
  return status.peers > 0 || (!media && status.expected > 0 && sinceJoinMs < JOIN_PATIENCE_MS)
}

/** Whether a first peer may yet connect. The tracker's word comes earlier, and does not say so. */
function isJoining(mesh: MeshView): boolean {
  if (!mesh.status || mesh.status.phase === 'down' || mesh.status.peers > 0) return false
  return mesh.sinceJoinMs < JOIN_PATIENCE_MS
}

/**
 * Whether a media element fetches for the others as well: not while it is short itself, nor before those who have just
 * connected can have said what they hold.
 */
export function helpsWhilePlaying(slackMs: number | undefined, mesh: MeshView): boolean {
  if (sharesWhileDry(mesh)) return true
  return mesh.sinceJoinMs >= JOIN_PATIENCE_MS && (slackMs ?? 0) >= URGENT_SLACK_MS
}

/** Alone, a download asks for this much time's worth, so that asking again and again costs a fast origin nothing. */
const SPAN_MS = 500
const MAX_SPAN_BYTES = 16 * MiB

/**
 * The most bytes that one origin request asks for.
 * @param bytesPerMs how fast the origin was of late
 * @param distance as in `Need`
 */
export function originSpan(media: boolean, mesh: MeshView, bytesPerMs: number, distance: number): number {
  if (!media && isCrowd(mesh, media)) return stretchBytes(bytesPerMs)
  return Math.min(MAX_SPAN_BYTES, Math.max(leastSpan(media, mesh, distance), media ? 0 : bytesPerMs * SPAN_MS))
}

function leastSpan(media: boolean, mesh: MeshView, distance: number): number {
  if ((mesh.status?.peers ?? 0) > 0) return BRIDGE_BYTES
  // Once the first frames are here, peers may be at any moment.
  if (isJoining(mesh)) return media ? (distance > 0 ? BRIDGE_BYTES : URGENT_BYTES) : 2 * MiB
  return media || mesh.status?.phase === 'up' ? 4 * MiB : 16 * MiB
}

/**
 * Bytes that one of a crowd asks the origin for at a time: few come twice, and what is done is soon told. So much of a
 * download is left to the origin, too, while peers are not trusted: these have until it gets there.
 */
export function stretchBytes(bytesPerMs: number): number {
  return Math.min(MAX_STRETCH_BYTES, Math.max(START_BYTES, bytesPerMs * SPAN_MS))
}

/** How far ahead of a reader peers are asked. */
export function lookahead(media: boolean): number {
  return media ? 8 * MiB : 32 * MiB
}

const MIN_FLIGHT_BYTES = 128 * KiB
const MAX_FLIGHT_BYTES = 8 * MiB

/**
 * Bytes that are asked from peers at the same time: about a second's worth, more where a reader can wait for them. Of those
 * who have yet to bring any it is little, for a media element on a thin line the least: its film is on the same line.
 */
export function peerFlight(bytesPerMs = 0, slackMs?: number): number {
  // A paused element can wait for ever.
  const bytes = bytesPerMs && bytesPerMs * Math.max(1_000, (slackMs ?? 0) / 2)
  return Math.min(MAX_FLIGHT_BYTES, Math.max(MIN_FLIGHT_BYTES * (slackMs === undefined ? 2 : 1), bytes))
}

/** So long after a media element ran dry, it shares with its crowd as downloads do. */
export const DRY_FOR_MS = 15_000

const MAX_PEER_PATIENCE_MS = 3_000
export const MIN_PEER_PATIENCE_MS = 250

/** How long a reader waits for a chunk that a peer is sending before the origin takes over. */
export function peerPatience(slackMs: number | undefined): number {
  const spareMs = (slackMs ?? 2 * SAFE_SLACK_MS) - SAFE_SLACK_MS
  return Math.min(MAX_PEER_PATIENCE_MS, Math.max(MIN_PEER_PATIENCE_MS, spareMs))
}

/** So long after a reader has waited for peers in vain, nothing that is urgent is left to them. */
export const LATE_FOR_MS = 2_000
