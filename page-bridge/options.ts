import type { Mode } from '../protocol/bridge.ts'

/** What a site can set with `data-` attributes on the script tag. */
export interface BridgeOptions {
  readonly mode: Mode
  /** Bytes per second over each swarm; Infinity for no cap. */
  readonly uploadLimit: number
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
  const { mode, uploadLimit, consent, worker } = script?.dataset ?? {}
  const scripts = new URL('./', script?.src || fallback).href
  return {
    mode: isMode(mode) ? mode : 'on',
    uploadLimit: parseRate(uploadLimit) ?? Number.POSITIVE_INFINITY,
    consent: consent === 'ask' ? 'ask' : 'implied',
    worker:
      worker === 'none' ? undefined : new URL(worker || 'tributary-sw.js', worker ? document.baseURI : scripts).href,
    scripts,
  }
}

function isMode(text: string | undefined): text is Mode {
  return text !== undefined && MODES.includes(text)
}

const RATE = /^(\d+(?:\.\d+)?)\s*([kKmMgG]?)(i?)(bit|b|B)?(?:\/s|ps)?$/
const POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3 }

/** Bytes per second: `5Mbit`, `600KiB`, `600 kB/s`, or a plain number of bytes. Undefined when it is none of these. */
export function parseRate(text: string | undefined): number | undefined {
  const match = RATE.exec(text?.trim() ?? '')
  if (!match) return undefined
  const [, number = '', prefix = '', binary, unit] = match
  const base = binary ? 1024 : 1000
  const bits = unit === 'bit' || unit === 'b' ? 8 : 1
  return (Number(number) * base ** (POWERS[prefix.toLowerCase()] ?? 0)) / bits
}
