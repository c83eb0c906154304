import type { Identity, VerifySignature } from '../mesh/overlay/identity.ts'
import type { ValueStore } from '../store/chunk-store.ts'

const KEY = 'mesh-identity'
const ALGORITHM = 'Ed25519'

/**
 * The key pair of this browser for this site, made at first use. Its private half can be used, and not read.
 * @throws DOMException in browsers without Ed25519
 */
export async function identityIn(values: ValueStore | undefined): Promise<Identity> {
  const saved = await values?.get(KEY).catch(() => undefined)
  if (isKeyPair(saved)) return await identityOf(saved)
  const made = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify'])
  if (!isKeyPair(made)) throw new TypeError('not a key pair')
  await values?.set(KEY, made).catch(() => undefined) // full, or closed: somebody new at the next visit
  return await identityOf(made)
}

export const verifySignature: VerifySignature = async ({ publicKey, bytes, signature }) => {
  const key = await crypto.subtle.importKey('raw', publicKey.slice(), ALGORITHM, false, ['verify'])
  return await crypto.subtle.verify(ALGORITHM, key, signature.slice(), bytes.slice())
}

async function identityOf({ publicKey, privateKey }: CryptoKeyPair): Promise<Identity> {
  return {
    publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, bytes.slice())),
  }
}

function isKeyPair(value: unknown): value is CryptoKeyPair {
  if (typeof value !== 'object' || value === null || !('publicKey' in value && 'privateKey' in value)) return false
  return value.publicKey instanceof CryptoKey && value.privateKey instanceof CryptoKey
}
