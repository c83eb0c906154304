import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

// Reads /proc: Linux alone.

/** `sysconf(_SC_CLK_TCK)` is 100 on every Linux architecture that browsers run on. */
const TICKS_PER_SECOND = 100

interface Process {
  readonly pid: number
  readonly parent: number
  /** Processor time of itself and of its children that are gone. */
  readonly seconds: number
}

/** A process and all below it. */
export function processTree(root: number): readonly Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? readProcess(Number(name)) : []))
  const tree = all.filter(({ pid }) => pid === root)
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid))
  return tree
}

/** Processor seconds that a process and all below it have used, those that have ended included. */
export function processorSeconds(root: number): number {
  return processTree(root).reduce((sum, { seconds }) => sum + seconds, 0)
}

/** Whether a browser's process hosts pages and workers. */
export function isRenderer(pid: number): boolean {
  return read(`/proc/${pid}/cmdline`)?.includes('--type=renderer') ?? false
}

/**
 * Resident bytes that are the process's own: proportional set size of anonymous and shared memory. The mapped files,
 * mostly the browser's program, are left out, for their share changes whenever another browser starts or ends.
 */
export function residentBytes(pid: number): number {
  const rollup = read(`/proc/${pid}/smaps_rollup`) ?? ''
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0)
  return (kilobytes('Pss_Anon') + kilobytes('Pss_Shmem')) * 1024
}

/** Likewise of a process and all below it, together. */
export function residentBytesBelow(root: number): number {
  return processTree(root).reduce((sum, { pid }) => sum + residentBytes(pid), 0)
}

/** What a process has open, by the names that /proc gives it: `socket:[...]` is one over UDP, TCP or Unix. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)]
    } catch {
      return [] // closed meanwhile
    }
  })
}

function readProcess(pid: number): Process[] {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return []
  // The name in parentheses may hold anything; the fields after it are numbered from 3 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  const ticks = field(14) + field(15) + field(16) + field(17)
  return [{ pid, parent: field(4), seconds: ticks / TICKS_PER_SECOND }]
}

/** Undefined when the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
