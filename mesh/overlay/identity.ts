/** The key pair of a node of the DHT: Ed25519 (RFC 8032). */
export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

export interface Signed {
  readonly publicKey: Uint8Array
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

/** Whether the signature is good, by Ed25519. */
export type VerifySignature = (signed: Signed) => Promise<boolean>
