import { fromHex, toHex } from '../protocol/hex.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'

// The WebTorrent tracker protocol: JSON texts over a WebSocket, 20-byte values as strings of one character a byte.

/** 20 random bytes that name an offer, as 40 hex digits. */
export type OfferId = string & { readonly format: 'offer-id' }

export interface AnnounceOffer {
  readonly offerId: OfferId
  readonly sdp: string
}

export interface Announce {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly event?: 'started' | 'stopped' | 'completed'
  readonly uploaded: number
  readonly downloaded: number
  /** Bytes that we lack; only zero or not matters to a tracker. */
  readonly left: number
  /** Each is forwarded to one peer. */
  readonly offers: readonly AnnounceOffer[]
}

export interface Answer {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly toPeerId: PeerId
  readonly offerId: OfferId
  readonly sdp: string
}

/** All that a tracker can say to us. */
export type TrackerMessage =
  | {
      readonly kind: 'announced'
      readonly infoHash: InfoHash
      /** Seconds until the next announce; undefined when the tracker does not say. */
      readonly interval: number | undefined
      /** Peers that the tracker knows, ourselves included. */
      readonly peers: number
      /** Those of them that lack something. */
      readonly lacking: number
    }
  | {
      readonly kind: 'offer'
      readonly infoHash: InfoHash
      readonly peerId: PeerId
      readonly offerId: OfferId
      readonly sdp: string
    }
  | {
      readonly kind: 'answer'
      readonly infoHash: InfoHash
      readonly peerId: PeerId
      readonly offerId: OfferId
      readonly sdp: string
    }
  | { readonly kind: 'failure'; readonly infoHash: InfoHash | undefined; readonly reason: string }
  /** Not a message of this protocol, or one that we have no use for. */
  | { readonly kind: 'nonsense' }

/** Characters; an SDP with many candidates has some four thousand. */
const MAX_TEXT = 64 * 1024
export const MAX_SDP = 32 * 1024
const MAX_REASON = 200
const NONSENSE: TrackerMessage = { kind: 'nonsense' }

export function encodeAnnounce(announce: Announce): string {
  const { infoHash, peerId, event, uploaded, downloaded, left, offers } = announce
  return JSON.stringify({
    action: 'announce',
    info_hash: toBinary(infoHash),
    peer_id: toBinary(peerId),
    ...(event && { event }),
    uploaded,
    downloaded,
    left,
    numwant: offers.length,
    offers: offers.map(({ offerId, sdp }) => ({ offer_id: toBinary(offerId), offer: { type: 'offer', sdp } })),
  })
}

export function encodeAnswer({ infoHash, peerId, toPeerId, offerId, sdp }: Answer): string {
  return JSON.stringify({
    action: 'announce',
    info_hash: toBinary(infoHash),
    peer_id: toBinary(peerId),
    to_peer_id: toBinary(toPeerId),
    offer_id: toBinary(offerId),
    answer: { type: 'answer', sdp },
  })
}

/** Reads what a tracker sent. Never throws. */
export function parseTrackerMessage(text: string): TrackerMessage {
  const message = parseObject(text)
  if (message === undefined) return NONSENSE
  const infoHash = fromBinary(message.info_hash) as InfoHash | undefined
  const reason = message['failure reason']
  if (typeof reason === 'string') return { kind: 'failure', infoHash, reason: reason.slice(0, MAX_REASON) }
  if (message.action !== 'announce' || infoHash === undefined) return NONSENSE
  if (message.offer !== undefined || message.answer !== undefined) return parseSignal(message, infoHash)
  const interval = message.interval ?? message['min interval']
  return {
    kind: 'announced',
    infoHash,
    interval: isCount(interval) ? interval : undefined,
    peers: [message.complete, message.incomplete].filter(isCount).reduce((sum, count) => sum + count, 0),
    lacking: isCount(message.incomplete) ? message.incomplete : 0,
  }
}

function parseSignal(message: Record<string, unknown>, infoHash: InfoHash): TrackerMessage {
  const kind = message.offer === undefined ? 'answer' : 'offer'
  const description = message[kind]
  const peerId = fromBinary(message.peer_id) as PeerId | undefined
  const offerId = fromBinary(message.offer_id) as OfferId | undefined
  if (!isObject(description) || description.type !== kind || peerId === undefined || offerId === undefined)
    return NONSENSE
  const { sdp } = description
  if (typeof sdp !== 'string' || sdp.length > MAX_SDP) return NONSENSE
  return { kind, infoHash, peerId, offerId, sdp }
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  if (text.length > MAX_TEXT) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined // not JSON: nonsense like any other
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

export function toBinary(hex: string): string {
  return Array.from(fromHex(hex), (byte) => String.fromCharCode(byte)).join('')
}

export function fromBinary(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 20) return undefined
  const codes = Uint16Array.from(value, (char) => char.charCodeAt(0))
  return codes.some((code) => code > 0xff) ? undefined : toHex(Uint8Array.from(codes))
}
