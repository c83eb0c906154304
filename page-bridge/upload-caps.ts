import { parseAmount } from './amount.ts'

/** Bytes that a visitor uploads at most; Infinity for no cap. */
export interface UploadCaps {
  /** In a tab's session. */
  readonly session: number
  /** In a calendar month. */
  readonly month: number
}

const GiB = 2 ** 30

/**
 * Where a site sets none. A session gives no more than a long film in high definition; a month no more than five of them,
 * 2 % of the terabyte at which fixed lines that are capped are. Lines with less are mostly cellular, which upload nothing.
 */
export const DEFAULT_CAPS: UploadCaps = { session: 4 * GiB, month: 20 * GiB }

/** `2GiB/month`, `500MB/session, 10GiB/month`, `none/session`. What is not named keeps its default. */
export function parseCaps(text: string | undefined): UploadCaps {
  const caps = { ...DEFAULT_CAPS }
  for (const part of text?.split(',') ?? []) {
    const [, amount = '', period] = /^(.*)\/\s*(session|month)\s*$/.exec(part) ?? []
    const bytes = amount.trim() === 'none' ? Number.POSITIVE_INFINITY : parseAmount(amount)
    if (bytes !== undefined && (period === 'session' || period === 'month')) caps[period] = bytes
  }
  return caps
}
