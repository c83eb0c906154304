import type { Mode } from '../protocol/bridge.ts'
import { parseAmount } from './amount.ts'
import { parseCaps, type UploadCaps } from './upload-caps.ts'

/** What a site can set with `data-` attributes on the script tag. */
export interface BridgeOptions {
  readonly mode: Mode
  /** Bytes per second over all swarms; Infinity for no cap. */
  readonly uploadLimit: number
  readonly uploadCaps: UploadCaps
  /** `ask`: nothing is uploaded before the site has called setSharing(true). */
  readonly consent: 'implied' | 'ask'
  /** Absolute URL of the worker script, or undefined when the site registers its own worker. */
  readonly worker: string | undefined
  /** Absolute URL of the folder with our scripts. */
  readonly scripts: string
}

const MODES: readonly string[] = ['off', 'shadow', 'on'] satisfies Mode[]

/**
 * Reads the options from a script tag.
 * @param script undefined: all defaults, with the scripts at `fallback`
 */
export function readOptions(script: HTMLScriptElement | undefined, fallback: string): BridgeOptions {
  const { mode, uploadLimit, uploadCap, consent, worker } = script?.dataset ?? {}
  const scripts = new URL('./', script?.src || fallback).href
  return {
    mode: isMode(mode) ? mode : 'on',
    uploadLimit: parseRate(uploadLimit) ?? Number.POSITIVE_INFINITY,
    uploadCaps: parseCaps(uploadCap),
    consent: consent === 'ask' ? 'ask' : 'implied',
    worker:
      worker === 'none' ? undefined : new URL(worker || 'tributary-sw.js', worker ? document.baseURI : scripts).href,
    scripts,
  }
}

function isMode(text: string | undefined): text is Mode {
  return text !== undefined && MODES.includes(text)
}

/** Bytes per second: an amount, with or without `/s` or `ps`. Undefined when it is none. */
export function parseRate(text: string | undefined): number | undefined {
  return parseAmount((text ?? '').replace(/(\/s|ps)\s*$/, ''))
}
