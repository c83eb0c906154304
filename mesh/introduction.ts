import { DONT_HAVE_EXTENSION } from '../protocol/wire/dont-have.ts'
import type { Sendable } from '../protocol/wire/encode.ts'
import { EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake } from '../protocol/wire/extension-handshake.ts'
import type { Handshake } from '../protocol/wire/handshake.ts'
import { LOADING_EXTENSION } from '../protocol/wire/loading.ts'
import { UPLOAD_QUEUE } from './upload-queue.ts'

/** Name that we give in the extension handshake. */
const CLIENT = 'Tributary'
/** Id under which we want to receive what peers are loading. */
export const LOADING_ID = 1
/** Likewise, that they have lost a chunk. */
export const DONT_HAVE_ID = 2
/** Id of the first extension that is not the swarm's own; the others follow. */
export const FIRST_GUEST_ID = 3

/** What we say about ourselves. */
export interface Introduced {
  /** What we hold, in wire order. */
  readonly own: Uint8Array
  /** Whether we answer hash requests. */
  readonly provesBlocks: boolean
  /** Extensions that somebody else speaks on the swarm's links. */
  readonly guests: readonly string[]
  /** Bytes of the info dictionary, where peers are given it. */
  readonly metadataSize: number | undefined
}

/** What we say first to a peer that has greeted us. */
export function introduction(
  { fast, extended }: Handshake,
  { own, provesBlocks, guests, metadataSize }: Introduced,
): Sendable[] {
  const messages: Sendable[] = []
  // BEP 3 and 6: the bitfield or its short form comes first, and nothing at all is a form of "none" without BEP 6.
  if (own.some((byte) => byte !== 0)) messages.push({ kind: 'bitfield', bits: own })
  else if (fast) messages.push({ kind: 'have-none' })
  if (!extended) return messages
  const payload = encodeExtensionHandshake({
    messages: new Map([
      [LOADING_EXTENSION, LOADING_ID],
      [DONT_HAVE_EXTENSION, DONT_HAVE_ID],
      ...guests.map((name, i) => [name, FIRST_GUEST_ID + i] as const),
    ]),
    client: CLIENT,
    queueLength: UPLOAD_QUEUE,
    provesBlocks,
    metadataSize,
  })
  return [...messages, { kind: 'extended', id: EXTENSION_HANDSHAKE_ID, payload }]
}
