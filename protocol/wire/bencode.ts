import { ProtocolViolation } from '../errors.ts'

// Strict bencoding (BEP 3) for bytes from strangers. The `bencode` package reads trusted torrents well, but twelve
// hostile bytes make its decoder run out of memory: it takes the length -7 and walks back and forth for ever.

/** Byte strings stay bytes; keys are read as Latin-1, so that every key has exactly one spelling. */
export type Bencoded = number | Uint8Array | readonly Bencoded[] | BencodedDict
export interface BencodedDict {
  readonly [key: string]: Bencoded
}
/** What can be written: text is taken as UTF-8. */
export type Bencodable = number | string | Uint8Array | readonly Bencodable[] | { readonly [key: string]: Bencodable }

/** Levels of lists and dictionaries; KRPC and extension messages need four. */
const MAX_DEPTH = 16
/** Values in one message. */
const MAX_VALUES = 4096

const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const MINUS = 0x2d
const DICT = 0x64
const END = 0x65
const INTEGER = 0x69
const LIST = 0x6c

/**
 * Decodes the value at the start of `bytes`.
 * @param mostValues in all that it is made of
 * @returns the value and the number of bytes it took; byte strings are views of `bytes`
 * @throws ProtocolViolation, and nothing else
 */
export function decodeBencoded(
  bytes: Uint8Array,
  mostValues = MAX_VALUES,
): { readonly value: Bencoded; readonly length: number } {
  const reader = new Reader(bytes, mostValues)
  const value = reader.value(0)
  return { value, length: reader.at }
}

/** Dictionary keys are written in order of their bytes. */
export function encodeBencoded(value: Bencodable): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
  writer.value(value)
  return writer.written()
}

export function isDict(value: Bencoded | undefined): value is BencodedDict {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
}

class Reader {
  at = 0
  #values = 0
  readonly #mostValues: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, mostValues: number) {
    this.#bytes = bytes
    this.#mostValues = mostValues
  }

  value(depth: number): Bencoded {
    if (depth > MAX_DEPTH) throw new ProtocolViolation('bencoding nested too deep')
    if (++this.#values > this.#mostValues) throw new ProtocolViolation('too many bencoded values')
    switch (this.#bytes[this.at]) {
      case INTEGER:
        return this.#integer()
      case LIST:
        return this.#list(depth)
      case DICT:
        return this.#dict(depth)
      default:
        return this.#string()
    }
  }

  #integer(): number {
    this.at++
    const negative = this.#bytes[this.at] === MINUS
    if (negative) this.at++
    const magnitude = this.#digits(END)
    return negative ? -magnitude : magnitude
  }

  #list(depth: number): Bencoded[] {
    this.at++
    const list: Bencoded[] = []
    while (!this.#ends()) list.push(this.value(depth + 1))
    return list
  }

  #dict(depth: number): BencodedDict {
    this.at++
    // Without a prototype, a key such as __proto__ is a key like any other.
    const dict: Record<string, Bencoded> = Object.create(null)
    while (!this.#ends()) {
      const key = latin1(this.#string())
      dict[key] = this.value(depth + 1)
    }
    return dict
  }

  #ends(): boolean {
    if (this.#bytes[this.at] !== END) return false
    this.at++
    return true
  }

  #string(): Uint8Array {
    const length = this.#digits(COLON)
    const end = this.at + length
    if (end > this.#bytes.length) throw new ProtocolViolation('bencoded string runs past the end')
    const string = this.#bytes.subarray(this.at, end)
    this.at = end
    return string
  }

  /** An exact number in decimal, then `until`. */
  #digits(until: number): number {
    let number = 0
    const start = this.at
    for (; ; this.at++) {
      const byte = this.#bytes[this.at]
      if (byte === until && this.at > start) break
      if (byte === undefined || byte < DIGIT_0 || byte > DIGIT_9)
        throw new ProtocolViolation(`no bencoded number at byte ${start}`)
      number = number * 10 + (byte - DIGIT_0)
      if (!Number.isSafeInteger(number)) throw new ProtocolViolation('bencoded number too large')
    }
    this.at++
    return number
  }
}

/** Bytes that most messages fit in. */
const FIRST_ROOM = 512

class Writer {
  #bytes = new Uint8Array(FIRST_ROOM)
  #at = 0

  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at)
  }

  value(value: Bencodable): void {
    if (typeof value === 'number') this.#ascii(`i${Math.trunc(value)}e`)
    else if (typeof value === 'string') this.#text(value)
    else if (value instanceof Uint8Array) this.#string(value)
    else if (isList(value)) {
      this.#ascii('l')
      for (const item of value) this.value(item)
      this.#ascii('e')
    } else {
      this.#ascii('d')
      for (const key of Object.keys(value).sort()) {
        const item = value[key]
        if (item === undefined) continue
        this.#ascii(`${key.length}:${key}`)
        this.value(item)
      }
      this.#ascii('e')
    }
  }

  #string(bytes: Uint8Array): void {
    this.#ascii(`${bytes.length}:`)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** As UTF-8. */
  #text(text: string): void {
    const bytes = utf8(text)
    this.#ascii(`${bytes.length}:${bytes}`)
  }

  /** The inverse of latin1(): one byte a character. */
  #ascii(text: string): void {
    this.#reserve(text.length)
    const [bytes, at] = [this.#bytes, this.#at]
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
    this.#at = at + text.length
  }

  #reserve(length: number): void {
    const needed = this.#at + length
    if (needed <= this.#bytes.length) return
    const wider = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    wider.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = wider
  }
}

function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value)
}

/** A text's bytes, one a character. @throws URIError for half of a surrogate pair */
export function utf8(text: string): string {
  const escaped = encodeURIComponent(text)
  return escaped.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Characters that are made at once: every one is an argument of a call. */
const AT_ONCE = 4096

export function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += AT_ONCE)
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + AT_ONCE))
  return text
}
