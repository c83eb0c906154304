import type { InfoHash } from '../../protocol/units.ts'
import type { Id } from './id.ts'
import type { ProviderRecord, RecordDelta } from './record.ts'

// What two linked nodes say to each other: KRPC (BEP 5) in a BEP 10 extension message. docs/spec/dht.md has the bytes.

/** Name in the BEP 10 extension handshake. @public */
export const DHT_EXTENSION = 'tr_dht'

/** What its sender calls a query, as one character a byte; empty when no answer is wanted. */
export type Tx = string & { readonly format: 'tx' }
/** Names one errand of one node wherever its queries come: 16 hex digits. */
export type SearchId = string & { readonly format: 'search-id' }

/** Where a query goes that is passed on from node to node. */
export interface Route {
  readonly target: Id
  readonly search: SearchId
  /** How often the query may be passed on yet, counting every attempt. */
  readonly hops: number
  /** Passed on only to nodes that have proven to be closer, not to those that say that they know closer ones. */
  readonly careful: boolean
}

/** Goes to the other end of the link and no further. */
export type DirectQuery =
  /** Who the sender is, and the proof of it. The first message of each side. */
  | { readonly method: 'hello'; readonly publicKey: Uint8Array; readonly signature: Uint8Array }
  /** All proven links of the sender, and how many nodes it takes the network to have. */
  | { readonly method: 'links'; readonly ids: readonly Id[]; readonly population: number }
  /** A record for those who are close to its key, from who was given it by its provider. */
  | {
      readonly method: 'copy_provider'
      readonly key: Id
      readonly reach: number
      readonly record: ProviderRecord
    }
  /** The sender does not count this link any more. */
  | { readonly method: 'bye' }
  | { readonly method: 'ping' }

export type RoutedQuery =
  | { readonly method: 'find_node'; readonly route: Route }
  | {
      readonly method: 'find_providers'
      readonly route: Route
      /** What is sought, where the way leads to another point than the key itself. */
      readonly key?: Id
      /** Counted from the start of the region: holders of this one first. */
      readonly chunk?: number
      /** A node that wants to become a provider of these chunks, and needs a token; it goes all the way. */
      readonly announcer?: { readonly provider: Id; readonly reach: number; readonly bits: Uint8Array }
    }
  /** `route.target` is the node that gave the token. */
  | {
      readonly method: 'add_provider'
      readonly route: Route
      readonly key: Id
      readonly token: Uint8Array
      readonly reach: number
      readonly publicKey: Uint8Array
      readonly news: ProviderRecord | RecordDelta
    }
  /** An offer for the node `route.target`, or for any that shares `match` bits with it. */
  | {
      readonly method: 'signal'
      readonly route: Route
      readonly from: Id
      readonly match: number
      readonly offer: string
      /** The swarm that the link is for; undefined when it is for the DHT. */
      readonly infoHash?: InfoHash
    }

export type Query = DirectQuery | RoutedQuery

/** One form for all methods: a reply has the fields that its query asks for. */
export interface Reply {
  /** Links that it has crossed. */
  readonly hops: number
  /** Who answers, where that matters: gave the token, or made the answer. */
  readonly at?: Id
  readonly nodes?: readonly Id[]
  readonly providers?: readonly ProviderRecord[]
  readonly token?: Uint8Array
  /** There are enough providers, but for these chunks of the region. */
  readonly scarce?: Uint8Array
  readonly answer?: string
}

/** Codes below 300 are those of BEP 5. */
export const FAILURE = {
  generic: 201,
  badToken: 203,
  unknownMethod: 204,
  /** This errand has been here. */
  seen: 301,
  /** Nobody closer that could be asked. */
  noWay: 302,
  /** No room for another link. */
  full: 303,
  /** A delta to a record that is not here. */
  noBase: 304,
  /** Too much to do. */
  busy: 305,
  /** The node that was meant does not want to. */
  refused: 306,
} as const

/** No other way leads to another answer. */
export const FINAL_FAILURES: ReadonlySet<number> = new Set([FAILURE.badToken, FAILURE.noBase, FAILURE.refused])

export type DhtMessage =
  | { readonly kind: 'query'; readonly tx: Tx; readonly query: Query }
  | { readonly kind: 'unknown'; readonly tx: Tx }
  | { readonly kind: 'reply'; readonly tx: Tx; readonly reply: Reply }
  /** `left`: attempts that were not used up. */
  | { readonly kind: 'failure'; readonly tx: Tx; readonly code: number; readonly left: number }

/** Bytes of one message: below what every data channel takes. */
export const MAX_MESSAGE = 16 * 1024
export const MAX_TX = 8
export const SEARCH_BYTES = 8
/** Attempts at passing on one query. */
export const MAX_HOPS = 24
/** Links that a node may name; more than it has. */
export const MAX_LINKS_NAMED = 32
export const MAX_NODES = 16
export const MAX_PROVIDERS = 8
export const TOKEN_BYTES = 8
/** Characters of a session description. Candidates make it long: 1 to 3 KiB is usual. */
export const MAX_DESCRIPTION = 8 * 1024
/** The largest network that anybody may claim. */
export const MAX_POPULATION = 2 ** 40

export function isRouted(query: Query): query is RoutedQuery {
  return 'route' in query
}

/** The key that a search is about. */
export function soughtKey({ key, route }: Extract<RoutedQuery, { method: 'find_providers' }>): Id {
  return key ?? route.target
}

export function isDelta(news: ProviderRecord | RecordDelta): news is RecordDelta {
  return 'base' in news
}
