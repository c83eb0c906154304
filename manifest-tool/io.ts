import type { Writable } from 'node:stream'

/** What a command may touch of the process that runs it. */
export interface Io {
  readonly stdout: Writable
  /** Errors, warnings and progress. */
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Aborted when the user wants the command to stop. */
  readonly signal: AbortSignal
}

/** The Io of this process. The first SIGINT or SIGTERM stops the command in good order, the second ends it at once. */
export function processIo(): Io {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  // `tributary inspect | head` closes our output early; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  return { stdout: process.stdout, stderr: process.stderr, signal: stop.signal }
}

export function printLine(to: Writable, text: string): void {
  to.write(`${text}\n`)
}

export function printJson(to: Writable, value: unknown): void {
  printLine(to, JSON.stringify(value, null, 2))
}
