const AMOUNT = /^(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(i?)(bit|b|B)?$/
const POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4 }

/** Bytes: `5Mbit`, `600KiB`, `600 kB`, or a plain number of bytes. Undefined when it is none of these. */
export function parseAmount(text: string): number | undefined {
  const match = AMOUNT.exec(text.trim())
  if (!match) return undefined
  const [, number = '', prefix = '', binary, unit] = match
  const base = binary ? 1024 : 1000
  const bits = unit === 'bit' || unit === 'b' ? 8 : 1
  return (Number(number) * base ** (POWERS[prefix.toLowerCase()] ?? 0)) / bits
}
