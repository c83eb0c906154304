export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What else there is to say about an event, by name. */
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** Takes one event. `message` is a sentence without its full stop. */
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void

/** Passes on what is at least as grave as `level`. */
export function atLeast(level: LogLevel, log: Log): Log {
  const most = LOG_LEVELS.indexOf(level)
  return (eventLevel, message, fields) => {
    if (LOG_LEVELS.indexOf(eventLevel) <= most) log(eventLevel, message, fields)
  }
}

/** One JSON object a line: time, level, message and the fields. */
export function jsonLog(write: (line: string) => void): Log {
  return (level, message, fields) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`)
}

/** A line for people: `warning: videos/a.mp4 is missing`. */
export function textOfLog(level: LogLevel, message: string, fields: LogFields = {}): string {
  const head = level === 'warn' ? 'warning: ' : level === 'error' ? 'error: ' : ''
  const tail = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${Array.isArray(value) ? value.join(',') : value}`,
  )
  return `${head}${message}${tail.join('')}`
}
