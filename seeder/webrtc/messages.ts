import type { IceServer } from '../../protocol/manifest.ts'

// What a program and its WebRTC process tell each other. Both ends are ours and of one version: taken at their word.

/** A connection, from the first word about it to `closed`. */
export type ConnectionId = number

export type ToWebRtc =
  | { readonly kind: 'offer'; readonly id: ConnectionId; readonly iceServers: readonly IceServer[] }
  | {
      readonly kind: 'answer'
      readonly id: ConnectionId
      readonly iceServers: readonly IceServer[]
      readonly sdp: string
    }
  /** Goes on with the other side's answer. */
  | { readonly kind: 'accept'; readonly id: ConnectionId; readonly sdp: string }
  | { readonly kind: 'send'; readonly id: ConnectionId; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly id: ConnectionId }

export type FromWebRtc =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'described'; readonly id: ConnectionId; readonly sdp: string }
  | { readonly kind: 'opened'; readonly id: ConnectionId; readonly channel: string | undefined }
  | { readonly kind: 'received'; readonly id: ConnectionId; readonly bytes: Uint8Array }
  /** Of what was to be sent, that many bytes have left since the connection opened. */
  | { readonly kind: 'left'; readonly id: ConnectionId; readonly bytes: number }
  /** Once, and the last word about it. */
  | { readonly kind: 'closed'; readonly id: ConnectionId; readonly reason: string }
