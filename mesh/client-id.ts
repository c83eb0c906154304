import { toHex } from '../protocol/hex.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'

// Azureus-style client ids (BEP 20): a peer id begins with its client and the version of it.

const CLIENT = '-TY'
const VERSION = '0100-'
const ours = hexOf(CLIENT)

/** @param random 12 bytes */
export function newPeerId(random: Uint8Array): PeerId {
  return (hexOf(CLIENT + VERSION) + toHex(random)) as PeerId
}

/** Whether a peer is of this client, in whatever version. */
export function isOurs(peerId: PeerId): boolean {
  return peerId.startsWith(ours)
}

function hexOf(text: string): string {
  return toHex(Uint8Array.from(text, (char) => char.charCodeAt(0)))
}
