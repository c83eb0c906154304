import { ManifestError } from '../protocol/errors.ts'
import { type Manifest, parseManifest } from '../protocol/manifest.ts'

export interface LenientManifest {
  readonly manifest: Manifest
  /** Swarms left out, with the reason. */
  readonly refused: readonly string[]
}

/**
 * A manifest without those of its swarms that are not well formed.
 * @param value what JSON.parse returned
 * @throws ManifestError when more is wrong than single swarms
 */
export function parseLeniently(value: unknown): LenientManifest {
  try {
    return { manifest: parseManifest(value), refused: [] }
  } catch (error) {
    const isOfSwarm = error instanceof ManifestError && /^swarms\[/.test(error.field)
    if (!isOfSwarm || typeof value !== 'object' || value === null || !('swarms' in value)) throw error
    const { swarms, ...rest } = value
    if (!Array.isArray(swarms)) throw error
    return parseSwarmBySwarm(rest, swarms)
  }
}

function parseSwarmBySwarm(rest: object, swarms: readonly unknown[]): LenientManifest {
  const refused: string[] = []
  const good = swarms.flatMap((swarm, i) => {
    try {
      return parseManifest({ ...rest, swarms: [swarm] }).swarms
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error
      refused.push(`swarms[${i}]${error.message.replace(/^swarms\[0\]/, '')}`)
      return []
    }
  })
  return { manifest: { ...parseManifest({ ...rest, swarms: [] }), swarms: good }, refused }
}
