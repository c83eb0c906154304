/** Something that keeps a seeder from its work and that its operator can mend. */
export class SeederError extends Error {
  override readonly name = 'SeederError'
  /** What to do about it. */
  readonly mend: string

  constructor(what: string, mend: string, options: { cause?: unknown } = {}) {
    super(what, options)
    this.mend = mend
  }
}

/** The `code` of a system error such as `ENOENT`, or the error's message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
