const encoder = new TextEncoder()

/** What bencoding can say (BEP 3). Strings are written as UTF-8; keys of a dictionary may be raw bytes. */
export type Bencodable = number | string | Uint8Array | readonly Bencodable[] | BencodeDictionary
export type BencodeDictionary = ReadonlyMap<string | Uint8Array, Bencodable>

/**
 * Writes a value in canonical bencoding: the keys of each dictionary sorted as raw bytes (BEP 3).
 * The bencode package sorts by UTF-16 units, which gives other info hashes to names outside ASCII.
 * @throws RangeError for a number that is not a safe integer, or a key that occurs twice
 */
export function writeBencode(value: Bencodable): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  writeValue(value, parts)
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function writeValue(value: Bencodable, parts: Uint8Array[]): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`)
    parts.push(encoder.encode(`i${value}e`))
  } else if (typeof value === 'string') writeBytes(encoder.encode(value), parts)
  else if (value instanceof Uint8Array) writeBytes(value, parts)
  else if (isDictionary(value)) writeDictionary(value, parts)
  else {
    parts.push(encoder.encode('l'))
    for (const item of value) writeValue(item, parts)
    parts.push(encoder.encode('e'))
  }
}

function isDictionary(value: readonly Bencodable[] | BencodeDictionary): value is BencodeDictionary {
  return value instanceof Map
}

function writeBytes(bytes: Uint8Array, parts: Uint8Array[]): void {
  parts.push(encoder.encode(`${bytes.length}:`), bytes)
}

function writeDictionary(dictionary: BencodeDictionary, parts: Uint8Array[]): void {
  const entries = [...dictionary].map(
    ([key, value]) => [typeof key === 'string' ? encoder.encode(key) : key, value] as const,
  )
  entries.sort(([a], [b]) => compareBytes(a, b))
  parts.push(encoder.encode('d'))
  for (const [i, [key, value]] of entries.entries()) {
    const before = entries[i - 1]
    if (before && compareBytes(before[0], key) === 0) throw new RangeError('a key occurs twice')
    writeBytes(key, parts)
    writeValue(value, parts)
  }
  parts.push(encoder.encode('e'))
}

/** Order of raw bytes; a prefix comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
