import { bytesOfText, joined } from './id.ts'

const CONTEXT = bytesOfText('tributary dht proof')

/** What a node signs to prove its id on one connection. @param channelBinding the same at both ends, and nowhere else */
export function proofText(channelBinding: Uint8Array, publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined([CONTEXT, channelBinding, publicKey])
}
