import { SCRIPT_TAG } from '../package-files.ts'

/** Whether a page loads our script already, under any path. */
const HAS_SCRIPT = /<script\b[^>]*\bsrc\s*=\s*["']?[^"'\s>]*\btributary\.js\b/i

/**
 * Puts our tag into a page, unless it is there: at the end of the head, else after the doctype.
 * Works on bytes whatever the encoding, as long as it contains ASCII; UTF-16 pages are left as they are.
 */
export function injectTag(page: Buffer): Buffer {
  if ((page[0] === 0xfe && page[1] === 0xff) || (page[0] === 0xff && page[1] === 0xfe)) return page
  // Latin-1 maps each byte to one character and back.
  const text = page.toString('latin1')
  if (HAS_SCRIPT.test(text)) return page
  const at = placeIn(text)
  return Buffer.from(`${text.slice(0, at)}${SCRIPT_TAG}${text.slice(at)}`, 'latin1')
}

function placeIn(text: string): number {
  const headEnd = text.search(/<\/head\s*>/i)
  if (headEnd !== -1) return headEnd
  const opening = /^(\xef\xbb\xbf)?\s*(<!doctype[^>]*>)?\s*(<html[^>]*>)?\s*(<head[^>]*>)?/i.exec(text)
  return opening?.[0].length ?? 0
}
