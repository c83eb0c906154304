const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += PAIRS[byte]
  return text
}

/** @throws RangeError when `text` is not pairs of hex digits */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new RangeError('not hex digits')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1)
  return bytes
}

/** @param text a hex digit at `at`, of either case */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return (code & 0xf) + (code > 0x39 ? 9 : 0)
}
