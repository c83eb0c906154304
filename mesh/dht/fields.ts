import { ProtocolViolation } from '../../protocol/errors.ts'
import { type BencodedDict, isDict, latin1 } from '../../protocol/wire/bencode.ts'

/** The fields of a bencoded dictionary, each read with its bounds. All but `has` throw ProtocolViolation. */
export class Fields {
  readonly #dict: BencodedDict

  constructor(dict: BencodedDict) {
    this.#dict = dict
  }

  has(name: string): boolean {
    return this.#dict[name] !== undefined
  }

  /** A copy. @param least shortest and `most` longest length */
  bytes(name: string, least: number, most: number): Uint8Array<ArrayBuffer> {
    return this.#view(name, least, most).slice()
  }

  exactly(name: string, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes(name, length, length)
  }

  /** ASCII. */
  text(name: string, most: number): string {
    const bytes = this.#view(name, 0, most)
    let all = 0
    for (const byte of bytes) all |= byte
    if (all > 0x7f) throw new ProtocolViolation(`${name}: not ASCII`)
    return latin1(bytes)
  }

  number(name: string, least: number, most: number): number {
    const value = this.#dict[name]
    if (typeof value !== 'number' || value < least || value > most)
      throw new ProtocolViolation(`${name}: no such number`)
    return value
  }

  dict(name: string): Fields {
    const value = this.#dict[name]
    if (!isDict(value)) throw new ProtocolViolation(`${name}: no dictionary`)
    return new Fields(value)
  }

  dicts(name: string, most: number): Fields[] {
    const value = this.#dict[name]
    if (!Array.isArray(value) || value.length > most) throw new ProtocolViolation(`${name}: no list of at most ${most}`)
    return value.map((item) => {
      if (!isDict(item)) throw new ProtocolViolation(`${name}: an item that is no dictionary`)
      return new Fields(item)
    })
  }

  #view(name: string, least: number, most: number): Uint8Array {
    const value = this.#dict[name]
    if (!(value instanceof Uint8Array)) throw new ProtocolViolation(`${name}: no string`)
    if (value.length < least || value.length > most) throw new ProtocolViolation(`${name}: ${value.length} bytes`)
    return value
  }
}
