import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// This module runs as dist/cli.js or from its source folder. Both lie one level below the package root.

/** Folder with the built scripts. */
export const distFolder = fileURLToPath(new URL('../dist/', import.meta.url))

/** Scripts of a site, as far as they are built. */
export const SITE_SCRIPTS = ['tributary-sw.js', 'tributary.js', 'tributary-mesh.js', 'tributary-monitor.js'] as const

/** The tag that a page needs. */
export const SCRIPT_TAG = '<script src="/tributary.js" async></script>'

export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const parsed: unknown = JSON.parse(text)
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined
  return typeof version === 'string' ? version : 'unknown'
}
