import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import {
  type AnnounceOffer,
  fromBinary,
  isObject,
  MAX_SDP,
  type OfferId,
  parseObject,
  toBinary,
} from './tracker-messages.ts'

// The other side of the WebTorrent tracker protocol: what a tracker hears, and says.

/** Of an announce, what matters to a tracker with one peer. */
export interface HeardAnnounce {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly offers: readonly AnnounceOffer[]
}

const MAX_OFFERS = 10

/** Reads what a client sent; undefined for anything else than an announce. Never throws. */
export function parseAnnounce(text: string): HeardAnnounce | undefined {
  const message = parseObject(text)
  const infoHash = fromBinary(message?.info_hash) as InfoHash | undefined
  const peerId = fromBinary(message?.peer_id) as PeerId | undefined
  if (message?.action !== 'announce' || infoHash === undefined || peerId === undefined) return undefined
  const offers: readonly unknown[] = Array.isArray(message.offers) ? message.offers.slice(0, MAX_OFFERS) : []
  return { infoHash, peerId, offers: offers.flatMap(parseOffer) }
}

/** The answer to an announce. @param peers those who are there, the client included */
export function encodeAnnounced(announced: { infoHash: InfoHash; intervalS: number; peers: number }): string {
  const { infoHash, intervalS, peers } = announced
  const counts = { complete: 0, incomplete: peers }
  return JSON.stringify({ action: 'announce', info_hash: toBinary(infoHash), interval: intervalS, ...counts })
}

function parseOffer(value: unknown): AnnounceOffer[] {
  if (!isObject(value) || !isObject(value.offer)) return []
  const offerId = fromBinary(value.offer_id) as OfferId | undefined
  const { type, sdp } = value.offer
  if (offerId === undefined || type !== 'offer' || typeof sdp !== 'string' || sdp.length > MAX_SDP) return []
  return [{ offerId, sdp }]
}
