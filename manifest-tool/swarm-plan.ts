import { autoChunkSize, chunkCountOf } from '../protocol/geometry.ts'
import { compareTorrentPaths } from '../protocol/metainfo.ts'
import { isPlaylist, matcher, type SiteFile } from './scan.ts'

/** Files that become one swarm. */
export interface SwarmPlan {
  /** Name of the torrent. */
  readonly name: string
  /** Folder that the torrent's paths are relative to, with a slash at the end, or empty for the site root. */
  readonly base: string
  readonly chunkSize: number
  /** In torrent order. */
  readonly files: readonly SiteFile[]
}

/** Name of a swarm whose files share no folder. Only its web seeds would need a better one. */
const NAME_AT_ROOT = 'site'

/**
 * Groups the files of a site into swarms: one a bundle, one a remaining file; in the order of their paths,
 * so that the same site gives the same manifest.
 */
export function planSwarms(
  files: readonly SiteFile[],
  bundles: readonly string[],
  chunkSize: number | 'auto',
): SwarmPlan[] {
  const left = new Set(files)
  const plans: SwarmPlan[] = []
  for (const glob of bundles) {
    const matches = matcher([glob])
    const members = [...left].filter(({ path, type }) => matches(path) && !isPlaylist(type))
    for (const member of members) left.delete(member)
    if (members.length > 0) plans.push(planOf(members, chunkSize))
  }
  for (const file of left) plans.push(planOf([file], chunkSize))
  return plans.sort((a, b) => comparePaths(firstPath(a), firstPath(b)))
}

function firstPath(plan: SwarmPlan): string {
  return plan.files[0]?.path ?? ''
}

function comparePaths(a: string, b: string): number {
  return compareTorrentPaths(a.split('/'), b.split('/'))
}

function planOf(members: readonly SiteFile[], chunkSize: number | 'auto'): SwarmPlan {
  const files = [...members].sort((a, b) => comparePaths(a.path, b.path))
  const total = files.reduce((sum, file) => sum + file.stamp.size, 0)
  const folder = commonFolder(files)
  const name = files.length === 1 ? files[0]?.path.split('/').at(-1) : folder.at(-1)
  return {
    name: name ?? NAME_AT_ROOT,
    base: folder.map((segment) => `${segment}/`).join(''),
    chunkSize: chunkSize === 'auto' ? autoChunkSize(total) : chunkSize,
    files,
  }
}

/** Folders that all files share. */
function commonFolder(files: readonly SiteFile[]): string[] {
  const [first = [], ...rest] = files.map((file) => file.path.split('/').slice(0, -1))
  const differs = first.findIndex((segment, i) => rest.some((folder) => folder[i] !== segment))
  return differs === -1 ? first : first.slice(0, differs)
}

/** Swarm index of each file's first chunk. */
export function firstChunksOf(plan: SwarmPlan): number[] {
  let next = 0
  return plan.files.map((file) => {
    const first = next
    next += chunkCountOf(file.stamp.size, plan.chunkSize)
    return first
  })
}

/**
 * Web seed of a swarm (BEP 19): the file's URL, or for several files the URL of the folder that holds the torrent's
 * name. Undefined when the files lie at the site root, for then no URL ends in the name.
 */
export function webSeedOf(plan: SwarmPlan, origin: string): string | undefined {
  const [only] = plan.files
  if (only && plan.files.length === 1) return urlBelow(only.path, origin)
  const parent = plan.base.split('/').slice(0, -2).join('/')
  if (plan.base === '') return undefined
  return parent === '' ? origin : urlBelow(`${parent}/`, origin)
}

function urlBelow(path: string, origin: string): string {
  return new URL(path.split('/').map(encodeURIComponent).join('/'), origin).href
}
