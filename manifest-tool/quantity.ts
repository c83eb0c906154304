import { isChunkSize } from '../protocol/geometry.ts'
import { usage } from './failure.ts'

const SIZE_UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/** Bytes per second in one of each. Network rates are counted in bits and powers of ten. */
const RATE_UNITS: Record<string, number> = {
  bit: 1 / 8,
  kbit: 1e3 / 8,
  mbit: 1e6 / 8,
  gbit: 1e9 / 8,
  kbps: 1e3 / 8,
  mbps: 1e6 / 8,
  gbps: 1e9 / 8,
  'b/s': 1,
  'kb/s': 1e3,
  'mb/s': 1e6,
  'gb/s': 1e9,
  'kib/s': 2 ** 10,
  'mib/s': 2 ** 20,
  'gib/s': 2 ** 30,
}

/**
 * Bytes in `1MiB`, `500 kB` or `4096`.
 * @throws Failure of wrong use
 */
export function parseSize(text: string): number {
  const [number, unit] = split(text)
  const factor = SIZE_UNITS[unit]
  if (number === undefined || factor === undefined)
    throw usage(`${text} is not a size`, 'write it like 1MiB, 10GiB or 4096')
  return Math.round(number * factor)
}

/**
 * Bytes per second in `32Mbit` (bits per second) or `4MiB/s`.
 * @throws Failure of wrong use
 */
export function parseRate(text: string): number {
  const [number, unit] = split(text.replace(/bit\/s$/i, 'bit'))
  const factor = RATE_UNITS[unit]
  if (!number || factor === undefined) throw usage(`${text} is not a rate`, 'write it like 32Mbit or 4MiB/s')
  return number * factor
}

/**
 * A chunk size, or `auto`.
 * @throws Failure of wrong use
 */
export function parseChunkSize(text: string): number | 'auto' {
  if (text === 'auto') return text
  const bytes = parseSize(text)
  if (!isChunkSize(bytes))
    throw usage(`${text} is not a chunk size`, 'use auto or a power of two from 32KiB to 16MiB, such as 1MiB')
  return bytes
}

function split(text: string): [number | undefined, string] {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z/]*)$/i.exec(text.trim())
  return match ? [Number(match[1]), (match[2] ?? '').toLowerCase()] : [undefined, '']
}

/** `1.5 MiB`, for people. */
export function shownSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = Number.isInteger(value) ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** A file's name on one line: control characters as JSON writes them. */
export function shownName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `1 file`, `3 files`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
