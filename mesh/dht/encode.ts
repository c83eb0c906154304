import { fromHex } from '../../protocol/hex.ts'
import { type Bencodable, encodeBencoded } from '../../protocol/wire/bencode.ts'
import { bytesOfText, ID_BYTES, type Id, idBytes } from './id.ts'
import {
  type DhtMessage,
  type DirectQuery,
  isDelta,
  isRouted,
  MAX_MESSAGE,
  type Query,
  type Reply,
  type Route,
  type RoutedQuery,
} from './messages.ts'
import type { ProviderRecord, RecordDelta, Run } from './record.ts'

type Fields = { [key: string]: Bencodable }
type Sendable = Exclude<DhtMessage, { kind: 'unknown' }>

/** @throws RangeError when it would be longer than anybody takes */
export function encodeDhtMessage(message: Sendable): Uint8Array<ArrayBuffer> {
  const bytes = encodeBencoded({ t: bytesOfText(message.tx), ...body(message) })
  if (bytes.length > MAX_MESSAGE) throw new RangeError(`DHT message of ${bytes.length} bytes`)
  return bytes
}

function body(message: Sendable): Fields {
  switch (message.kind) {
    case 'query':
      return { y: 'q', q: message.query.method, a: args(message.query) }
    case 'reply':
      return { y: 'r', r: results(message.reply) }
    case 'failure':
      return { y: 'e', e: [message.code, ''], left: message.left }
  }
}

function args(query: Query): Fields {
  return isRouted(query) ? { ...routeFields(query.route), ...routedArgs(query) } : directArgs(query)
}

function directArgs(query: DirectQuery): Fields {
  switch (query.method) {
    case 'hello':
      return { key: query.publicKey, proof: query.signature }
    case 'links':
      return { nodes: packed(query.ids), population: query.population }
    case 'copy_provider':
      return {
        key: idBytes(query.key),
        reach: query.reach,
        record: recordFields(query.record),
      }
    case 'bye':
    case 'ping':
      return {}
  }
}

function routedArgs(query: RoutedQuery): Fields {
  switch (query.method) {
    case 'find_node':
      return {}
    case 'find_providers':
      return {
        ...(query.key !== undefined && { key: idBytes(query.key) }),
        ...(query.chunk !== undefined && { chunk: query.chunk }),
        ...(query.announcer && {
          announcer: idBytes(query.announcer.provider),
          reach: query.announcer.reach,
          b: query.announcer.bits,
        }),
      }
    case 'add_provider':
      return {
        key: idBytes(query.key),
        token: query.token,
        reach: query.reach,
        ...(isDelta(query.news)
          ? { delta: deltaFields(query.publicKey, query.news) }
          : { record: recordFields(query.news) }),
      }
    case 'signal':
      return {
        from: idBytes(query.from),
        match: query.match,
        offer: bytesOfText(query.offer),
        ...(query.infoHash !== undefined && { info_hash: fromHex(query.infoHash) }),
      }
  }
}

function routeFields({ target, search, hops, careful }: Route): Fields {
  return { target: idBytes(target), search: fromHex(search), hops, ...(careful && { careful: 1 }) }
}

function results(reply: Reply): Fields {
  const { hops, at, nodes, providers, token, scarce, answer } = reply
  return {
    hops,
    ...(at !== undefined && { id: idBytes(at) }),
    ...(nodes && { nodes: packed(nodes) }),
    ...(providers && { values: providers.map(recordFields) }),
    ...(token && { token }),
    ...(scarce && { scarce }),
    ...(answer !== undefined && { answer: bytesOfText(answer) }),
  }
}

function recordFields({ publicKey, sequence, expires, bits, signature }: ProviderRecord): Fields {
  return { k: publicKey, seq: sequence, x: expires, b: bits, sig: signature }
}

function deltaFields(publicKey: Uint8Array, { base, sequence, expires, toggled, signature }: RecordDelta): Fields {
  return { k: publicKey, base, seq: sequence, x: expires, d: packedRuns(toggled), sig: signature }
}

function packedRuns(runs: readonly Run[]): Uint8Array {
  const bytes = new Uint8Array(4 * runs.length)
  const view = new DataView(bytes.buffer)
  runs.forEach(({ first, length }, i) => {
    view.setUint16(4 * i, first)
    view.setUint16(4 * i + 2, length)
  })
  return bytes
}

function packed(ids: readonly Id[]): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES * ids.length)
  ids.forEach((id, i) => {
    bytes.set(idBytes(id), ID_BYTES * i)
  })
  return bytes
}
