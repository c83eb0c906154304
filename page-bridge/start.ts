import { defineMonitor } from './monitor-element.ts'
import { type BridgeOptions, readOptions } from './options.ts'
import { Tributary } from './tributary.ts'

/** Starts once a page: the tag and the import may both be there. */
export function start(options: BridgeOptions): Tributary {
  if (window.tributary) return window.tributary
  const tributary = new Tributary(options)
  window.tributary = tributary
  defineMonitor(tributary, options.scripts)
  return tributary
}

/** The tag that loads the page script, wherever it stands. */
export function findTag(): HTMLScriptElement | undefined {
  return document.querySelector<HTMLScriptElement>('script[src*="tributary.js"]') ?? undefined
}

/** Options of the tag that is running, or of one found by its name. */
export function ownOptions(): BridgeOptions {
  const running = document.currentScript
  const tag = running instanceof HTMLScriptElement ? running : findTag()
  return readOptions(tag, document.baseURI)
}
