/** A sample in short. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** @throws RangeError for an empty sample */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  const high = sorted[Math.floor(sorted.length / 2)]
  const [min] = sorted
  const max = sorted.at(-1)
  if (low === undefined || high === undefined || min === undefined || max === undefined)
    throw new RangeError('nothing was measured')
  return { median: (low + high) / 2, min, max, count: sorted.length }
}

export function median(values: readonly number[]): number {
  return summarise(values).median
}

/** `12.3 (11.0-14.2)`: the median and, when there is more than one value, the range. */
export function shown(values: readonly number[], digits = 0): string {
  if (values.length === 0) return '-'
  const { median, min, max, count } = summarise(values)
  const range = count > 1 ? ` (${min.toFixed(digits)}-${max.toFixed(digits)})` : ''
  return `${median.toFixed(digits)}${range}`
}
