import type { Manifest } from '../protocol/manifest.ts'

export interface Totals {
  readonly files: number
  readonly swarms: number
  readonly chunks: number
  readonly bytes: number
}

export function totalsOf({ swarms }: Manifest): Totals {
  const files = swarms.flatMap((swarm) => swarm.files)
  return {
    files: files.length,
    swarms: swarms.length,
    chunks: swarms.reduce((sum, swarm) => sum + swarm.chunkCount, 0),
    bytes: files.reduce((sum, file) => sum + file.size, 0),
  }
}
