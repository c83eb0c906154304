import { ManifestError } from './errors.ts'

// Small parsers of JSON that make up larger ones. Each takes what JSON.parse returned and the path of the field.

/** @throws ManifestError naming the first field that is wrong */
export type Shape<T> = (value: unknown, at: string) => T

/** A value that passes a test. @param what completes the sentence "must be …" */
export function check<T>(passes: (value: unknown) => boolean, what: string): Shape<T> {
  return (value, at) => {
    if (!passes(value)) throw new ManifestError(at, `must be ${what}, is ${shown(value)}`)
    return value as T // what `passes` has seen to
  }
}

/** A string that matches a pattern. */
export function text<T extends string = string>(pattern: RegExp, what: string): Shape<T> {
  return check((value) => typeof value === 'string' && pattern.test(value), what)
}

/** A list of at most so many entries. */
export function list<T>(entry: Shape<T>, most: number): Shape<readonly T[]> {
  const entries = check<unknown[]>((value) => Array.isArray(value) && value.length <= most, `a list of at most ${most}`)
  return (value, at) => entries(value, at).map((one, i) => entry(one, `${at}[${i}]`))
}

/** The fields of a value of any kind; of one that is no object, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value)
}

/** An object with these fields; others are left out. */
export function record<T extends object>(
  fields: {
    readonly [K in keyof T]-?: Shape<object extends Pick<T, K> ? T[K] | undefined : T[K]>
  },
): Shape<T> {
  const object = check<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'an object',
  )
  return (value, at) => {
    const given = object(value, at || 'manifest')
    const parsed: Record<string, unknown> = {}
    for (const [name, shape] of Object.entries<Shape<unknown>>(fields)) {
      const field = shape(given[name], at ? `${at}.${name}` : name)
      if (field !== undefined) parsed[name] = field
    }
    return parsed as T
  }
}

/** A field that may be missing, and then has a value of its own. */
export function maybe<T, D extends T | undefined>(shape: Shape<T>, otherwise: D): Shape<T | D> {
  return (value, at) => (value === undefined ? otherwise : shape(value, at))
}

/** A short quotation of a wrong value. */
export function shown(value: unknown): string {
  const quoted = value === undefined ? 'missing' : JSON.stringify(value)
  return quoted.length > 60 ? `${quoted.slice(0, 57)}...` : quoted
}
