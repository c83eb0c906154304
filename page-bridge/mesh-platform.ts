import type { MeshPlatform } from '../mesh/platform.ts'
import { withDeadline } from '../protocol/deadline.ts'
import type { ValueStore } from '../store/chunk-store.ts'
import { openIndexedDb } from '../store/indexeddb.ts'
import { browserClock, browserTransport, openWebSocket } from './browser-transport.ts'
import { digest, sha256Sync } from './hashes.ts'
import { identityIn, verifySignature } from './identity.ts'

/** A database that has not answered by then remembers nothing. */
const STORE_MS = 2_000
const PEERS = 'mesh-peers'

export const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))

/** @throws where the browser has no Ed25519 or no WebAssembly */
export async function browserPlatform(): Promise<Omit<MeshPlatform, 'sha1'>> {
  const values = await withDeadline(openIndexedDb(), STORE_MS).then(
    (stores) => stores.values,
    () => undefined,
  )
  return {
    clock: browserClock,
    epochMs: performance.timeOrigin,
    randomBytes,
    openSocket: openWebSocket,
    makeTransport: browserTransport,
    sha256: await sha256Sync(),
    digest,
    identity: await identityIn(values),
    verify: verifySignature,
    addresses: addressesIn(values),
  }
}

function addressesIn(values: ValueStore | undefined): MeshPlatform['addresses'] {
  return {
    load: async () => {
      const saved = await values?.get(PEERS).catch(() => undefined)
      return Array.isArray(saved) ? saved.filter((url) => typeof url === 'string') : []
    },
    save: (urls) => void values?.set(PEERS, urls).catch(() => undefined),
  }
}
