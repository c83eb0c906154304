import { MiB } from '../protocol/units.ts'
import { Kept } from './kept.ts'
import type { UploadCaps } from './upload-caps.ts'

/** Written down each time so much has been uploaded: a page that is killed forgets no more. */
const SAVE_BYTES = MiB

/**
 * How much was uploaded in this session and this month. Kept by the page that uploads, in its own storage: the worker
 * hears of it later, forgets it with its store, and knows no months.
 */
export class UploadLedger {
  readonly #caps: UploadCaps
  readonly #session = new Kept('sessionStorage', 'tributary:uploaded')
  readonly #month = new Kept('localStorage', 'tributary:uploaded')
  /** Bytes that are not written down yet. */
  #unsaved = 0
  /** Bytes that may be uploaded before it is to be looked up what other tabs have. */
  #credit = 0

  constructor(caps: UploadCaps) {
    this.#caps = caps
  }

  /** Whether nothing more may be uploaded now; a new month begins at nothing. */
  get isSpent(): boolean {
    return this.#left <= 0
  }

  /** So much has just been uploaded. @returns whether that was the last */
  add(bytes: number): boolean {
    this.#unsaved += bytes
    this.#credit -= bytes
    if (this.#credit > 0) return false
    this.save()
    this.#credit = Math.min(this.#left, SAVE_BYTES)
    return this.isSpent
  }

  save(): void {
    if (this.#unsaved === 0) return
    const uploaded = this.#uploaded
    this.#unsaved = 0
    this.#session.text = String(uploaded.session)
    this.#month.text = `${thisMonth()} ${uploaded.month}`
  }

  get #left(): number {
    const { session, month } = this.#uploaded
    return Math.min(this.#caps.session - session, this.#caps.month - month)
  }

  get #uploaded(): { readonly session: number; readonly month: number } {
    const [month, bytes] = this.#month.text?.split(' ') ?? []
    const before = month === thisMonth() ? bytes : undefined
    return { session: bytesOf(this.#session.text) + this.#unsaved, month: bytesOf(before) + this.#unsaved }
  }
}

/** As `2026-11`, by UTC: a visitor who travels has no month twice. */
function thisMonth(): string {
  return new Date().toISOString().slice(0, 7)
}

/** What somebody else wrote there counts as nothing. */
function bytesOf(text: string | undefined): number {
  const bytes = Number(text)
  return Number.isFinite(bytes) ? Math.max(bytes, 0) : 0
}
