import { type Bencodable, decodeBencoded, encodeBencoded, isDict, latin1 } from './bencode.ts'

/** Extended message id of the extension handshake itself (BEP 10). */
export const EXTENSION_HANDSHAKE_ID = 0

/** What a peer says about itself once the handshake has shown that both speak BEP 10. */
export interface ExtensionHandshake {
  /** Extension name to the message id under which this peer wants to receive it. */
  readonly messages: ReadonlyMap<string, number>
  /** Name and version, for people. */
  readonly client: string
  /** Requests that this peer queues before it drops some; undefined when it does not say. */
  readonly queueLength: number | undefined
  /** It answers hash requests (BEP 52), although the connection was made under a v1 info hash. */
  readonly provesBlocks: boolean
  /** Bytes of the swarm's info dictionary, of a peer that gives it (BEP 9). */
  readonly metadataSize: number | undefined
}

/** Key of `provesBlocks`. */
const PROVES_BLOCKS = 'tr_hashes'

/** Longest client name kept. */
const MAX_CLIENT = 64
const MAX_EXTENSIONS = 64

export function encodeExtensionHandshake(handshake: ExtensionHandshake): Uint8Array<ArrayBuffer> {
  const dict: Record<string, Bencodable> = { m: Object.fromEntries(handshake.messages), v: handshake.client }
  if (handshake.queueLength !== undefined) dict.reqq = handshake.queueLength
  if (handshake.provesBlocks) dict[PROVES_BLOCKS] = 1
  if (handshake.metadataSize !== undefined) dict.metadata_size = handshake.metadataSize
  return encodeBencoded(dict)
}

/**
 * Fields of a wrong type are passed over, as every field is optional.
 * @throws ProtocolViolation when `payload` is not bencoded
 */
export function parseExtensionHandshake(payload: Uint8Array): ExtensionHandshake {
  const { value } = decodeBencoded(payload)
  const dict = isDict(value) ? value : {}
  const messages = new Map<string, number>()
  const offered = isDict(dict.m) ? Object.entries(dict.m).slice(0, MAX_EXTENSIONS) : []
  // Id 0 says that the extension is off.
  for (const [name, id] of offered) if (typeof id === 'number' && id > 0 && id < 256) messages.set(name, id)
  const { v, reqq, metadata_size: metadataSize } = dict
  return {
    messages,
    client: v instanceof Uint8Array ? latin1(v.subarray(0, MAX_CLIENT)) : '',
    queueLength: typeof reqq === 'number' && reqq > 0 ? reqq : undefined,
    provesBlocks: dict[PROVES_BLOCKS] === 1,
    metadataSize: typeof metadataSize === 'number' && metadataSize > 0 ? metadataSize : undefined,
  }
}
