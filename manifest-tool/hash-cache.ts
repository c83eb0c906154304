import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chunkCountOf } from '../protocol/geometry.ts'
import { HASH_LENGTH } from '../protocol/merkle.ts'
import { SHA1_LENGTH } from '../protocol/metainfo.ts'
import type { ChunkHashes } from './chunk-hasher.ts'
import type { FileStamp } from './file-stamp.ts'
import { HASH_FOLDER } from './scan.ts'

export const CACHE_NAME = '.hash-cache.json'
const CACHE_VERSION = 1

/** What else the hashes of a file depend on. */
export interface HashLayout {
  readonly chunkSize: number
  /** Whether the last SHA-1 counts the padding. */
  readonly padded: boolean
}

/**
 * A file may change twice within one tick of its file system's clock. Hashes of a file that was changed so short a time
 * before it was hashed are not kept.
 */
const CLOCK_TICK_NS = 20_000_000n
/** Times without fractions of a second come from a file system that has none; FAT counts in steps of two. */
const COARSE_TICK_NS = 2_000_000_000n

/** Hashes by what a file looked like when it was hashed. Not by its path: a renamed file is still known. */
export class HashCache {
  readonly #known = new Map<string, ChunkHashes>()
  readonly #used = new Map<string, ChunkHashes>()

  get(stamp: FileStamp, layout: HashLayout): ChunkHashes | undefined {
    const key = keyOf(stamp, layout)
    const hashes = this.#used.get(key) ?? this.#known.get(key)
    if (hashes) this.#used.set(key, hashes)
    return hashes
  }

  /** @param hashedAtNs when hashing began, nanoseconds since 1970 */
  set(stamp: FileStamp, layout: HashLayout, hashes: ChunkHashes, hashedAtNs: bigint): void {
    const changedAt = later(stamp.mtimeNs, stamp.ctimeNs)
    const tick = changedAt % 1_000_000_000n === 0n ? COARSE_TICK_NS : CLOCK_TICK_NS
    if (hashedAtNs - changedAt > tick) this.#used.set(keyOf(stamp, layout), hashes)
  }

  /** The cache file's text, with the hashes that were asked for or set. */
  write(): string {
    const entries = [...this.#used].map(([key, { sha256, sha1 }]) => [key, base64(sha256), base64(sha1)])
    return JSON.stringify({ version: CACHE_VERSION, digest: digestOf(entries), entries })
  }

  /** Reads the cache beside a manifest; an absent or broken one is empty. */
  static async read(folder: string): Promise<HashCache> {
    const cache = new HashCache()
    const text = await readFile(join(folder, HASH_FOLDER, CACHE_NAME), 'utf8').catch(() => '{}')
    for (const [key, hashes] of parseEntries(text)) cache.#known.set(key, hashes)
    return cache
  }
}

/** Math.max does not take bigints. */
function later(a: bigint, b: bigint): bigint {
  if (a > b) return a
  return b
}

function keyOf(stamp: FileStamp, layout: HashLayout): string {
  const padding = layout.padded ? 'padded' : 'bare'
  return [stamp.size, stamp.mtimeNs, stamp.ctimeNs, stamp.inode, layout.chunkSize, padding].join(' ')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function parseEntries(text: string): [string, ChunkHashes][] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return [] // broken: everything is hashed again
  }
  if (typeof parsed !== 'object' || parsed === null) return []
  if (!('version' in parsed) || !('digest' in parsed) || !('entries' in parsed)) return []
  if (parsed.version !== CACHE_VERSION || !Array.isArray(parsed.entries)) return []
  if (parsed.digest !== digestOf(parsed.entries)) return []
  return parsed.entries.flatMap((entry: unknown) => parseEntry(entry))
}

/** A hash that the disk garbled would end up in a manifest that no visitor's chunk matches. */
function digestOf(entries: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(entries)).digest('base64')
}

function parseEntry(entry: unknown): [string, ChunkHashes][] {
  if (!Array.isArray(entry) || !entry.every((part) => typeof part === 'string')) return []
  const [key = '', first = '', second = ''] = entry
  const hashes = { sha256: fromBase64(first), sha1: fromBase64(second) }
  const [size, , , , chunkSize] = key.split(' ').map(Number)
  const count = chunkCountOf(size ?? Number.NaN, chunkSize ?? Number.NaN)
  const whole = hashes.sha256.length === count * HASH_LENGTH && hashes.sha1.length === count * SHA1_LENGTH
  return whole ? [[key, hashes]] : []
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
