import type { IceServer } from '../protocol/manifest.ts'
import type { Sha256Sync } from '../protocol/merkle.ts'
import type { Clock } from './clock.ts'
import type { Identity, VerifySignature } from './overlay/identity.ts'
import type { Digest } from './swarm-driver.ts'
import type { OpenSocket, Transport } from './transport.ts'

/** All that a client needs of where it runs: a browser, Node, or a test. */
export interface MeshPlatform {
  readonly clock: Clock
  /** Milliseconds since 1970 at the moment when the clock was 0. */
  readonly epochMs: number
  readonly randomBytes: (length: number) => Uint8Array
  readonly openSocket: OpenSocket
  readonly makeTransport: (iceServers: readonly IceServer[]) => Transport
  /** For small inputs, of which there are many. */
  readonly sha256: Sha256Sync
  readonly digest: Digest
  readonly sha1: Digest
  /** Who we are; the same at every visit where it can be kept. */
  readonly identity: Identity
  readonly verify: VerifySignature
  readonly addresses: AddressBook
}

/** Addresses of peers that take offers themselves, kept from visit to visit. */
export interface AddressBook {
  load(): Promise<readonly string[]>
  save(urls: readonly string[]): void
}
