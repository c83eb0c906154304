import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

/** What the figures of a run depend on. */
export interface Machine {
  readonly cores: number
  readonly processor: string
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly chromium: string
  readonly tributary: string
  /** Over the last minute, when the run began: other work on the machine disturbs the figures. */
  readonly load: number
}

export function describeMachine(): Machine {
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version.slice(1),
    chromium: /[\d.]+/.exec(output(chromiumPath(), ['--version']))?.[0] ?? 'unknown',
    tributary: tributaryVersion(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

export function machineLine(machine: Machine): string {
  const { cores, processor, memoryGiB, system, node, chromium, tributary, load } = machine
  return (
    `${cores} cores (${processor}), ${memoryGiB} GiB, ${system}; ` +
    `Chromium ${chromium} headless, Node ${node}, Tributary ${tributary}; load at the start ${load}`
  )
}

/** From the environment, or where Debian puts it. */
export function chromiumPath(): string {
  return process.env.TRIBUTARY_CHROMIUM ?? '/usr/bin/chromium'
}

/** Version and commit, with a `+` when the work tree differs from it. */
function tributaryVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const commit = output('git', ['rev-parse', '--short', 'HEAD'])
  const sources = ['protocol', 'store', 'mesh', 'sw', 'page-bridge', 'manifest-tool']
  const changed = output('git', ['status', '--porcelain', '--', ...sources]) !== ''
  return commit === '' ? version : `${version} at ${commit}${changed ? '+' : ''}`
}

function output(file: string, args: readonly string[]): string {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return '' // not there: the line says less
  }
}
