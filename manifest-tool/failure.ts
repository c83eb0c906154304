/** A failure that the user can mend. Shown as `error: what - how to mend it`. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly mend: string
  /** 1: the work failed; 2: wrong use. */
  readonly exitCode: 1 | 2

  constructor(what: string, mend: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(what, { cause: options.cause })
    this.mend = mend
    this.exitCode = options.exitCode ?? 1
  }
}

/** Wrong use of the command line. */
export function usage(what: string, mend: string): Failure {
  return new Failure(what, mend, { exitCode: 2 })
}

/** The `code` of a system error such as `ENOENT`, or undefined for any other value. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const FILE_ADVICE: Record<string, string> = {
  EACCES: 'let this user read it',
  EPERM: 'let this user read it',
  ENOENT: 'check the spelling',
  ENOTDIR: 'name a directory',
  ENOSPC: 'free some space on the disk',
  EROFS: 'the file system is read-only: choose another directory',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  EIO: 'check the disk',
}

/** Turns the error of a file operation into a Failure; anything else passes through. */
export function fileFailure(error: unknown, action: string, path: string): unknown {
  const code = systemErrorCode(error)
  if (code === undefined) return error
  return new Failure(`cannot ${action} ${path} (${code})`, FILE_ADVICE[code] ?? 'check the file and its disk', {
    cause: error,
  })
}
