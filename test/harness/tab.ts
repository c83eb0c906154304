/** A browser's page as the tests use it, whichever browser it is. */
export interface Tab {
  readonly browser: 'chromium' | 'firefox'
  /** Opens a URL and waits for its load event. */
  goto(url: string): Promise<void>
  /** Runs a function in the page. It must not refer to anything outside itself. */
  evaluate<Argument, Result>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>
  evaluate<Result>(work: () => Result | Promise<Result>): Promise<Result>
  /** Waits until the function returns something true in the page. */
  waitFor(condition: () => unknown, deadlineMs?: number): Promise<void>
  close(): Promise<void>
}

/** Where a browser is: from the environment, as scripts/test.mjs leaves it there, or where Debian puts it. */
export function browserPath(variable: 'TRIBUTARY_CHROMIUM' | 'TRIBUTARY_FIREFOX'): string {
  const usual = { TRIBUTARY_CHROMIUM: '/usr/bin/chromium', TRIBUTARY_FIREFOX: '/usr/bin/firefox-esr' }
  return process.env[variable] ?? usual[variable]
}
