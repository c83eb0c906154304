import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { Identity, VerifySignature } from '../mesh/overlay/identity.ts'

/** Bytes of an Ed25519 key. Its SPKI form has them at its end. */
const KEY_BYTES = 32

export function identityOf(privateKey: KeyObject): Identity {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES)
  return { publicKey, sign: async (bytes) => sign(null, bytes, privateKey) }
}

export const verifySignature: VerifySignature = async ({ publicKey, bytes, signature }) => {
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, bytes, key, signature)
}
