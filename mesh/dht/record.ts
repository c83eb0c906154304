import { bytesOfText, type Id, idBytes, joined, REGION_CHUNKS } from './id.ts'

// Who holds which chunks of a region, signed, so that nobody can say it for somebody else.

/** As it travels. The region's key is known from the message around it. */
export interface ProviderRecord {
  /** Of the provider; its id follows from it. */
  readonly publicKey: Uint8Array
  /** Grows with every new record of the same provider and key. */
  readonly sequence: number
  /** Seconds since 1970. */
  readonly expires: number
  /** Chunks of the region, the first one in the high bit of the first byte; the last byte is never 0. */
  readonly bits: Uint8Array
  readonly signature: Uint8Array
}

/** A newer record by what is different in it. */
export interface RecordDelta {
  /** Sequence of the record that it changes. */
  readonly base: number
  readonly sequence: number
  readonly expires: number
  readonly toggled: readonly Run[]
  /** Of the whole new record. */
  readonly signature: Uint8Array
}

/** Chunks counted from the start of the region. */
export interface Run {
  readonly first: number
  readonly length: number
}

export const MAX_BITS_BYTES = REGION_CHUNKS / 8
/** Runs in one delta; what changed more is sent whole. */
export const MAX_TOGGLED = 12

/** A record that is not renewed is gone after this time. */
export const RECORD_LIFE_S = 40 * 60
/** Clocks of visitors differ: records that seem to live this much longer are taken all the same. */
export const CLOCK_SKEW_S = 20 * 60

const CONTEXT = bytesOfText('tributary dht provider')

/** What a provider signs. */
export function recordText(key: Id, { sequence, expires, bits }: Omit<ProviderRecord, 'signature'>): Uint8Array {
  const numbers = new Uint8Array(16)
  const view = new DataView(numbers.buffer)
  view.setBigUint64(0, BigInt(sequence))
  view.setBigUint64(8, BigInt(expires))
  return joined([CONTEXT, idBytes(key), numbers, bits])
}

/** Whether the time that a record claims is one that an honest provider would. */
export function isTimely({ expires }: { readonly expires: number }, nowS: number): boolean {
  return expires > nowS && expires <= nowS + RECORD_LIFE_S + CLOCK_SKEW_S
}

/** A copy without zero bytes at the end: every set of chunks has one form. */
export function trimmedBits(bits: Uint8Array): Uint8Array<ArrayBuffer> {
  let length = bits.length
  while (length > 0 && bits[length - 1] === 0) length--
  return bits.slice(0, length)
}

/** @returns undefined when too much is different for a delta */
export function toggledBetween(before: Uint8Array, after: Uint8Array): Run[] | undefined {
  const runs: { first: number; length: number }[] = []
  const end = 8 * Math.max(before.length, after.length)
  for (let i = 0; i < end; i++) {
    const mask = 0x80 >>> (i & 7)
    if ((((before[i >>> 3] ?? 0) ^ (after[i >>> 3] ?? 0)) & mask) === 0) continue
    const last = runs[runs.length - 1]
    if (last !== undefined && last.first + last.length === i) last.length++
    else if (runs.length === MAX_TOGGLED) return undefined
    else runs.push({ first: i, length: 1 })
  }
  return runs
}

/** @returns undefined when nothing would be left */
export function toggle(bits: Uint8Array, runs: readonly Run[]): Uint8Array<ArrayBuffer> | undefined {
  const changed = new Uint8Array(MAX_BITS_BYTES)
  changed.set(bits)
  for (const { first, length } of runs)
    for (let i = first; i < first + length; i++) changed[i >>> 3] = (changed[i >>> 3] ?? 0) ^ (0x80 >>> (i & 7))
  const trimmed = trimmedBits(changed)
  return trimmed.length === 0 ? undefined : trimmed
}
