import { ProtocolViolation } from '../../protocol/errors.ts'
import { toHex } from '../../protocol/hex.ts'
import type { InfoHash } from '../../protocol/units.ts'
import { type BencodedDict, decodeBencoded, isDict, latin1 } from '../../protocol/wire/bencode.ts'
import { Fields } from './fields.ts'
import { ID_BITS, ID_BYTES, type Id, idOf, KEY_BYTES, REGION_CHUNKS, SIGNATURE_BYTES } from './id.ts'
import {
  type DhtMessage,
  MAX_DESCRIPTION,
  MAX_HOPS,
  MAX_LINKS_NAMED,
  MAX_MESSAGE,
  MAX_NODES,
  MAX_POPULATION,
  MAX_PROVIDERS,
  MAX_TX,
  type Query,
  type Reply,
  type Route,
  SEARCH_BYTES,
  type SearchId,
  TOKEN_BYTES,
  type Tx,
} from './messages.ts'
import { MAX_BITS_BYTES, MAX_TOGGLED, type ProviderRecord, type RecordDelta, type Run } from './record.ts'

/** Bytes of a packed run. */
const RUN_BYTES = 4

/**
 * Reads the payload of one extension message. Fields that it does not know are passed over.
 * @returns a message without views of `bytes`
 * @throws ProtocolViolation, and nothing else
 */
export function decodeDhtMessage(bytes: Uint8Array): DhtMessage {
  if (bytes.length > MAX_MESSAGE) throw new ProtocolViolation(`DHT message of ${bytes.length} bytes`)
  const { value, length } = decodeBencoded(bytes)
  if (!isDict(value) || length !== bytes.length) throw new ProtocolViolation('DHT message is not one dictionary')
  const message = new Fields(value)
  const tx = latin1(message.bytes('t', 0, MAX_TX)) as Tx
  switch (message.text('y', 1)) {
    case 'q':
      return decodeQuery(message, tx)
    case 'r':
      return { kind: 'reply', tx, reply: decodeReply(message.dict('r')) }
    case 'e':
      return { kind: 'failure', tx, code: failureCode(value), left: message.number('left', 0, MAX_HOPS) }
    default:
      throw new ProtocolViolation('neither query nor response nor error')
  }
}

function decodeQuery(message: Fields, tx: Tx): DhtMessage {
  const query = decodeArgs(message.text('q', 32), message.dict('a'))
  return query === undefined ? { kind: 'unknown', tx } : { kind: 'query', tx, query }
}

function decodeArgs(method: string, args: Fields): Query | undefined {
  switch (method) {
    case 'hello':
      return { method, publicKey: args.exactly('key', KEY_BYTES), signature: args.exactly('proof', SIGNATURE_BYTES) }
    case 'links':
      return {
        method,
        ids: idsOf(args.bytes('nodes', 0, MAX_LINKS_NAMED * ID_BYTES)),
        population: args.number('population', 1, MAX_POPULATION),
      }
    case 'copy_provider':
      return {
        method,
        key: idField(args, 'key'),
        reach: args.number('reach', 0, ID_BITS),
        record: decodeRecord(args.dict('record')),
      }
    case 'bye':
    case 'ping':
      return { method }
    case 'find_node':
      return { method, route: decodeRoute(args) }
    case 'find_providers':
      return decodeFindProviders(args)
    case 'add_provider':
      return decodeAddProvider(args)
    case 'signal':
      return {
        method,
        route: decodeRoute(args),
        from: idField(args, 'from'),
        match: args.number('match', 0, ID_BITS),
        offer: args.text('offer', MAX_DESCRIPTION),
        ...(args.has('info_hash') && { infoHash: toHex(args.exactly('info_hash', ID_BYTES)) as InfoHash }),
      }
    default:
      return undefined
  }
}

function decodeRoute(args: Fields): Route {
  return {
    target: idField(args, 'target'),
    search: toHex(args.exactly('search', SEARCH_BYTES)) as SearchId,
    hops: args.number('hops', 0, MAX_HOPS),
    careful: args.has('careful') && args.number('careful', 0, 1) === 1,
  }
}

function decodeFindProviders(args: Fields): Query {
  return {
    method: 'find_providers',
    route: decodeRoute(args),
    ...(args.has('key') && { key: idField(args, 'key') }),
    ...(args.has('chunk') && { chunk: args.number('chunk', 0, REGION_CHUNKS - 1) }),
    ...(args.has('announcer') && {
      announcer: {
        provider: idField(args, 'announcer'),
        reach: args.number('reach', 0, ID_BITS),
        bits: args.bytes('b', 1, MAX_BITS_BYTES),
      },
    }),
  }
}

function decodeAddProvider(args: Fields): Query {
  const common = {
    method: 'add_provider',
    route: decodeRoute(args),
    key: idField(args, 'key'),
    token: args.exactly('token', TOKEN_BYTES),
    reach: args.number('reach', 0, ID_BITS),
  } as const
  if (args.has('delta')) {
    const delta = args.dict('delta')
    return { ...common, publicKey: delta.exactly('k', KEY_BYTES), news: decodeDelta(delta) }
  }
  const record = decodeRecord(args.dict('record'))
  return { ...common, publicKey: record.publicKey, news: record }
}

function decodeRecord(fields: Fields): ProviderRecord {
  const bits = fields.bytes('b', 1, MAX_BITS_BYTES)
  if (bits[bits.length - 1] === 0) throw new ProtocolViolation('a record whose last byte of chunks is 0')
  return { publicKey: fields.exactly('k', KEY_BYTES), ...version(fields), bits }
}

function decodeDelta(fields: Fields): RecordDelta {
  const toggled = parts(fields.bytes('d', 0, MAX_TOGGLED * RUN_BYTES), RUN_BYTES).map(runOf)
  return { base: fields.number('base', 0, Number.MAX_SAFE_INTEGER), ...version(fields), toggled }
}

function version(fields: Fields): { sequence: number; expires: number; signature: Uint8Array } {
  return {
    sequence: fields.number('seq', 0, Number.MAX_SAFE_INTEGER),
    expires: fields.number('x', 0, Number.MAX_SAFE_INTEGER),
    signature: fields.exactly('sig', SIGNATURE_BYTES),
  }
}

function runOf(bytes: Uint8Array): Run {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RUN_BYTES)
  const [first, length] = [view.getUint16(0), view.getUint16(2)]
  if (length === 0 || first + length > REGION_CHUNKS) throw new ProtocolViolation('a run past the end of the region')
  return { first, length }
}

function decodeReply(fields: Fields): Reply {
  const providers = fields.has('values') ? fields.dicts('values', MAX_PROVIDERS).map(decodeRecord) : undefined
  return {
    hops: fields.number('hops', 0, MAX_HOPS),
    ...(fields.has('id') && { at: idField(fields, 'id') }),
    ...(fields.has('nodes') && { nodes: idsOf(fields.bytes('nodes', 0, MAX_NODES * ID_BYTES)) }),
    ...(providers && { providers }),
    ...(fields.has('token') && { token: fields.exactly('token', TOKEN_BYTES) }),
    ...(fields.has('scarce') && { scarce: fields.bytes('scarce', 0, MAX_BITS_BYTES) }),
    ...(fields.has('answer') && { answer: fields.text('answer', MAX_DESCRIPTION) }),
  }
}

/** BEP 5: a list of a code and a text for people. */
function failureCode({ e }: BencodedDict): number {
  const code = Array.isArray(e) ? e[0] : undefined
  if (typeof code !== 'number') throw new ProtocolViolation('an error without a code')
  return code
}

function idField(fields: Fields, name: string): Id {
  return idOf(fields.exactly(name, ID_BYTES))
}

function idsOf(bytes: Uint8Array): Id[] {
  return parts(bytes, ID_BYTES).map(idOf)
}

/** @throws ProtocolViolation when something is left over */
function parts(bytes: Uint8Array, size: number): Uint8Array[] {
  if (bytes.length % size !== 0) throw new ProtocolViolation(`${bytes.length} bytes are no list of ${size} bytes each`)
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}
