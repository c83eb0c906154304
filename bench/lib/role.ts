import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a role answers: a result, or what went wrong. */
export type RoleAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }

export interface RoleCall {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

/** A process of its own that plays one part of a benchmark, so that the parts do not share a thread. */
export class Role {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #calls = 0
  /** Why nobody answers any more. */
  #end: Error | undefined

  /** @param script a module that calls `playRole` */
  constructor(script: URL) {
    this.#child = fork(script, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', (answer: RoleAnswer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('error' in answer) waiting?.reject(new Error(answer.error))
      else waiting?.resolve(answer.result)
    })
    this.#child.on('exit', (code, signal) => {
      this.#end = new Error(`the process has ended (${signal ?? code})`)
      for (const { reject } of this.#waiting.values()) reject(this.#end)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** @returns what the part answers, taken at its word: both ends are ours */
  call(name: string, argument: unknown = undefined): Promise<unknown> {
    if (this.#end) return Promise.reject(this.#end)
    const id = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.send({ id, name, argument } satisfies RoleCall)
    })
  }

  async number(name: string, argument: unknown = undefined): Promise<number> {
    const result = await this.call(name, argument)
    if (typeof result !== 'number') throw new TypeError(`${name} answers ${typeof result}`)
    return result
  }

  async text(name: string, argument: unknown = undefined): Promise<string> {
    const result = await this.call(name, argument)
    if (typeof result !== 'string') throw new TypeError(`${name} answers ${typeof result}`)
    return result
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** The other end: answers calls until the process is ended. */
export function playRole(parts: Readonly<Record<string, (argument: unknown) => unknown>>): void {
  process.on('message', async ({ id, name, argument }: RoleCall) => {
    try {
      const part = parts[name]
      if (part === undefined) throw new Error(`there is no ${name}`)
      process.send?.({ id, result: await part(argument) } satisfies RoleAnswer)
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
}

export function textOf(argument: unknown): string {
  if (typeof argument !== 'string') throw new TypeError('not a text')
  return argument
}

export function numberOf(argument: unknown): number {
  if (typeof argument !== 'number') throw new TypeError('not a number')
  return argument
}
