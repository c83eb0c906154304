import { fromHex } from '../../protocol/hex.ts'
import type { Sha256Sync } from '../../protocol/merkle.ts'
import type { InfoHash } from '../../protocol/units.ts'

/** A point of the 160-bit space, in which nodes and the keys of records lie: 40 lower-case hex digits. */
export type Id = string & { readonly format: 'dht-id' }

export const ID_BYTES = 20
export const ID_BITS = 160
/** Bytes of an Ed25519 public key and of a signature (RFC 8032). */
export const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** Chunks that one key of the DHT speaks for. */
export const REGION_CHUNKS = 512

const REGION_CONTEXT = bytesOfText('tributary dht region')

/** Who holds the key has the id: it cannot be chosen, only searched for. */
export function nodeIdOf(publicKey: Uint8Array, sha256: Sha256Sync): Id {
  return idOf(sha256(publicKey).subarray(0, ID_BYTES))
}

/** Where records about the chunks `region * REGION_CHUNKS` and following are kept. */
export function regionKey(infoHash: InfoHash, region: number, sha256: Sha256Sync): Id {
  const index = new Uint8Array(4)
  new DataView(index.buffer).setUint32(0, region)
  return idOf(sha256(joined([REGION_CONTEXT, fromHex(infoHash), index])).subarray(0, ID_BYTES))
}

/** @param bytes exactly ID_BYTES */
export function idOf(bytes: Uint8Array): Id {
  const codes = new Array<number>(2 * bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    codes[2 * i] = digitCode(byte >>> 4)
    codes[2 * i + 1] = digitCode(byte & 0xf)
  }
  return String.fromCharCode(...codes) as Id
}

export function idBytes(id: Id): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(id.length >>> 1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(id, 2 * i) << 4) | digit(id, 2 * i + 1)
  return bytes
}

/** Below 0 when `a` is closer to `target` than `b` by XOR, above 0 when `b` is, 0 when they are the same. Exact. */
export function compareDistance(target: Id, a: Id, b: Id): number {
  for (let i = 0; i < target.length; i++) {
    const goal = digit(target, i)
    const order = (digit(a, i) ^ goal) - (digit(b, i) ^ goal)
    if (order !== 0) return order
  }
  return 0
}

/** An id, and its first 32 bits as a number: most comparisons need no more. */
export interface Point {
  readonly id: Id
  readonly head: number
}

export function pointOf(id: Id): Point {
  let head = 0
  for (let i = 0; i < 8; i++) head = (head << 4) | digit(id, i)
  return { id, head: head >>> 0 }
}

/** The same as `compareDistance`, fast. */
export function comparePoints(target: Point, a: Point, b: Point): number {
  const order = ((a.head ^ target.head) >>> 0) - ((b.head ^ target.head) >>> 0)
  return order === 0 ? compareDistance(target.id, a.id, b.id) : order
}

/** Leading bits that two ids have in common: the number of the bucket in which one sees the other. */
export function sharedBits(a: Id, b: Id): number {
  for (let i = 0; i < a.length; i++) {
    const difference = digit(a, i) ^ digit(b, i)
    if (difference !== 0) return 4 * i + Math.clz32(difference) - 28
  }
  return ID_BITS
}

/** A point in bucket `bucket` of `own`: it shares that many bits and not the next one. @param bucket below ID_BITS */
export function idInBucket(own: Id, bucket: number, randomBytes: (length: number) => Uint8Array): Id {
  const mine = idBytes(own)
  const bytes = randomBytes(ID_BYTES)
  const at = bucket >>> 3
  bytes.set(mine.subarray(0, at))
  const bit = 0x80 >>> (bucket & 7)
  const kept = 0xff00 >>> (bucket & 7)
  const [before = 0, random = 0] = [mine[at], bytes[at]]
  bytes[at] = (before & kept & 0xff) | (~before & bit) | (random & (bit - 1))
  return idOf(bytes)
}

/** A random point that shares at least `bits` with `id`. @param bits at most ID_BITS */
export function idNear(id: Id, bits: number, randomBytes: (length: number) => Uint8Array): Id {
  const near = idBytes(id)
  const random = randomBytes(ID_BYTES)
  const at = bits >>> 3
  near.set(random.subarray(at + 1), Math.min(ID_BYTES, at + 1))
  const mask = 0xff >>> (bits & 7)
  if (at < ID_BYTES) near[at] = ((near[at] ?? 0) & ~mask) | ((random[at] ?? 0) & mask)
  return idOf(near)
}

function digitCode(digit: number): number {
  return digit < 10 ? 0x30 + digit : 0x57 + digit
}

function digit(id: Id, at: number): number {
  const code = id.charCodeAt(at)
  return code > 0x39 ? code - 0x57 : code & 0xf
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** @param text ASCII */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
