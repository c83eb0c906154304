import { parseArgs } from 'node:util'

/** What a bench was told on its command line: `--json`, and numbers of its own. */
export interface Arguments<Names extends string> {
  readonly json: boolean
  readonly numbers: Readonly<Record<Names, readonly number[]>>
  readonly words: readonly string[]
}

/**
 * Reads options such as `--rounds 3` or `--visitors 1,4,8`.
 * @param defaults the options that there are, and their values when they are not given
 * @throws TypeError for an unknown option; RangeError for what is not a number
 */
export function readArguments<Names extends string>(
  defaults: Readonly<Record<Names, readonly number[]>>,
): Arguments<Names> {
  const names = Object.keys(defaults) as Names[]
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  const { values, positionals } = parseArgs({
    options: { ...options, json: { type: 'boolean' } },
    allowPositionals: true,
  })
  const given = new Map<string, unknown>(Object.entries(values))
  const numbers: Record<Names, readonly number[]> = { ...defaults }
  for (const name of names) {
    const text = given.get(name)
    if (typeof text === 'string') numbers[name] = text.split(',').map((part) => numberOf(name, part))
  }
  return { json: values.json === true, numbers, words: positionals }
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new RangeError(`--${name}: ${text} is not a number`)
  return number
}

/** The one number of an option. */
export function only(numbers: readonly number[]): number {
  const [number] = numbers
  if (number === undefined) throw new RangeError('an option is empty')
  return number
}

/** Tells a person how far a bench is; standard output is for the result. */
export function progress(text: string): void {
  console.error(`  ${text}`)
}
