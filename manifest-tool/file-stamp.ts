import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'

/** What tells that a file is still the one that was hashed. Times in nanoseconds since 1970. */
export interface FileStamp {
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
}

export function stampOf(stats: BigIntStats): FileStamp {
  return { size: Number(stats.size), mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs, inode: stats.ino }
}

export async function readStamp(path: string): Promise<FileStamp> {
  return stampOf(await stat(path, { bigint: true }))
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}
