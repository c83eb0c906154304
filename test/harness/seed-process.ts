import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { eventually } from './poll.ts'
import type { Owner } from './scratch.ts'

const program = fileURLToPath(new URL('../../manifest-tool/bin.ts', import.meta.url))

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly url?: string
  readonly swarm?: string
  readonly first?: number
  readonly after?: number
}

/** `tributary seed` as a process, and the JSON lines that it has logged. */
export class SeedProcess {
  readonly lines: LogLine[] = []
  readonly process: ChildProcess

  constructor(owner: Owner, args: readonly string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', program, 'seed', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.process = child
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)))
    owner.after(() => void child.kill('SIGKILL'))
  }

  /** Waits for so many lines that begin with `message`. @returns the last of them */
  async logged(message: string, count = 1): Promise<LogLine> {
    const found = await eventually(
      () => this.lines.filter((line) => line.message.startsWith(message)),
      (lines) => lines.length >= count,
      20_000,
    )
    return found[found.length - 1] ?? { level: '', message: '' }
  }

  /** @returns exit code */
  async stop(signal: NodeJS.Signals): Promise<number> {
    const exit = once(this.process, 'exit')
    this.process.kill(signal)
    const [code] = await exit
    return Number(code)
  }
}
