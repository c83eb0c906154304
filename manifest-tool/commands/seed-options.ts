import type { PeerLimits } from '../../seeder/peer-port.ts'
import type { TrackerChoice } from '../../seeder/trackers.ts'
import { usage } from '../failure.ts'
import { parseRate, parseSize } from '../quantity.ts'

/** What `tributary seed` was told. */
export interface SeedArguments {
  readonly announce: string[]
  readonly origin?: string
  readonly uploadLimit?: string
  readonly peerUploadLimit?: string
  readonly maxPeers: string
  readonly logLevel: string
  readonly metricsPort?: string
  readonly metricsHost: string
  readonly store?: string
  readonly cacheSize?: string
  readonly httpPort?: string
  readonly httpHost?: string
  readonly maxConnections?: string
  readonly maxOpenFiles?: string
  readonly memory?: string
  readonly joinAll?: boolean
}

/** Options of an edge alone. */
const EDGE_ALONE = [
  'store',
  'cacheSize',
  'httpPort',
  'httpHost',
  'maxConnections',
  'maxOpenFiles',
  'memory',
  'joinAll',
] as const

/** @throws Failure of wrong use when an option of an edge is given */
export function refuseEdgeOptions(given: SeedArguments): void {
  const first = EDGE_ALONE.find((name) => given[name] !== undefined)
  if (first !== undefined)
    throw usage(`${flagOf(first)} is for an edge`, 'give the URL of the site instead of its folder')
}

/** @throws Failure of wrong use */
export function peerOptions(given: SeedArguments): PeerLimits & TrackerChoice {
  for (const url of given.announce)
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw usage(`--announce ${url} is not a ws: or wss: URL`, 'write it like wss://tracker.example/announce')
  if (given.origin !== undefined && !isHttpUrl(given.origin))
    throw usage(`--origin ${given.origin} is not an http: or https: URL`, 'write it like https://example.org/')
  return {
    announce: given.announce,
    maxPeers: wholeNumber(given, 'maxPeers', { least: 1, most: 10_000 }),
    ...(given.origin !== undefined && { origin: given.origin }),
    ...(given.uploadLimit !== undefined && { uploadLimit: parseRate(given.uploadLimit) }),
    ...(given.peerUploadLimit !== undefined && { peerUploadLimit: parseRate(given.peerUploadLimit) }),
  }
}

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

type NumberOption = 'maxPeers' | 'maxConnections' | 'maxOpenFiles' | 'metricsPort' | 'httpPort'

export const PORTS = { least: 0, most: 65535 }

/** @throws Failure of wrong use */
export function wholeNumber(
  given: SeedArguments,
  name: NumberOption,
  { least, most, otherwise }: { least: number; most: number; otherwise?: number },
): number {
  const text = given[name]
  if (text === undefined && otherwise !== undefined) return otherwise
  const value = Number(text)
  if (!/^\d+$/.test(text ?? '') || value < least || value > most)
    throw usage(`${flagOf(name)} ${text} is out of range`, `use a whole number from ${least} to ${most}`)
  return value
}

/** @throws Failure of wrong use */
export function sizeAtLeast(given: SeedArguments, name: 'cacheSize' | 'memory', least: string, otherwise: string) {
  const text = given[name] ?? otherwise
  const bytes = parseSize(text)
  if (bytes < parseSize(least)) throw usage(`${flagOf(name)} ${text} is too little`, `use at least ${least}`)
  return bytes
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
